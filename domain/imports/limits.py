"""How much one import may be. Each keeps a file, whatever it is, within bounded memory and time."""

MOST_BYTES = 64 * 1024 * 1024  # of a file as it is stored
MOST_INLINE_BYTES = 4 * 1024 * 1024  # of one that comes in the request: base64 and all, Lambda takes 6 MB
MOST_ROWS = 200_000
MOST_ATOMIC_ROWS = 1_000  # of an import that is one transaction
MOST_COLUMNS = 500
MOST_LINES = 1_048_576  # blank ones included; a spreadsheet has no more
MOST_TITLE_CHARS = 500
MOST_CELL_CHARS = 8_000
# Of a line of text, of one object of JSON, or of the texts of one row of a workbook: a page of a hundred rows stays
# below what Lambda may answer.
MOST_LINE_BYTES = 60 * 1024
# Of one part of a workbook once it is unpacked, of all of them, of the texts of its cells, and the cells of its used
# range: these two lie in memory.
MOST_UNPACKED_BYTES = 96 * 1024 * 1024
MOST_UNPACKED_IN_ALL = 4 * MOST_UNPACKED_BYTES
MOST_TEXT_BYTES = 32 * 1024 * 1024
MOST_CELLS = 1_000_000
# Invitations by import of one business within 24 hours.
MOST_INVITED_A_DAY = 20_000
STAGED_AT_ONCE = 2_000
STAGED_CHARS_AT_ONCE = 2_000_000  # or these, whichever are reached first
# Rows of one chunk: one transaction, and what a pause waits for at most.
CHUNK_ROWS = {"members": 500, "assessments": 80, "programs": 80}
# How many rows one errors.csv holds; the next ones are a link away.
ERRORS_AT_ONCE = 5_000
READ_AT_ONCE = 500  # rows that a process has in memory, each as long as a line may be
ROWS_KEPT_DAYS = 30
