"""How large a template may be: anybody's may come, and scoring and lint have to be quick over all of them.

The largest instruments in use have about fifty items; a list of countries has about 250 options.
"""

MAX_ITEMS = 1_000  # with those in groups
MAX_DEPTH = 8  # groups within groups
MAX_OPTIONS = 500
MAX_COLUMNS = 30
MAX_LANGUAGES = 30
MAX_COMPUTED = 50
MAX_SCALES = 50
MAX_SOURCES = 200  # of one scale
MAX_BANDS = 30
MAX_RULES = 50
MAX_CONDITIONS = 20  # of one item or rule
MAX_SET = 50  # answers that one condition compares with
MAX_COMPARISONS = 4_000  # in the whole template
