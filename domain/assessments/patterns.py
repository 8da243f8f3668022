"""Regular expressions that a template may ask of a text: small enough that no text takes long to match.

Templates come from tenants, and Python's matcher goes back and tries again: one nested quantifier can keep it busy for
years over thirty characters. Allowed is a row of characters and character classes, each with at most one quantifier.
How often the matcher can try again is then at most the product of what each quantifier leaves open.
"""

import re

MAX_TEXT = 200  # characters of a text that is matched
MAX_WAYS = 2_500
_CLASS = r"\[\^?(?:\\[dswDSW\\\]\[^.+*/?$(){}|-]|[^\\\[\]&~|])+\]"
_ATOM = rf"(?:{_CLASS}|\\[dswDSW\\\]\[^.+*/?$(){{}}|-]|[^\\\[\](){{}}*+?|^$])"
_PART = re.compile(rf"{_ATOM}(?P<quantifier>[*+?]|\{{(?P<low>[0-9]{{1,3}})(?P<comma>,(?P<high>[0-9]{{1,3}})?)?\}})?")


def ways(pattern: str) -> int | None:
    """In how many ways a text can be divided among the parts of the pattern; None for what is not allowed at all."""
    inside = pattern.removeprefix("^")
    if inside.endswith("$") and not inside.endswith("\\$"):
        inside = inside[:-1]
    found, place = 1, 0
    while place < len(inside):
        part = _PART.match(inside, place)
        if part is None or "--" in part[0]:
            return None
        found *= _open(part)
        place = part.end()
        if found > MAX_WAYS:
            return None
    return found if _compiles(pattern) else None


def _open(part: "re.Match[str]") -> int:
    """How many lengths the quantifier leaves open."""
    if part["low"] is not None:
        low = int(part["low"])
        high = int(part["high"]) if part["high"] else MAX_TEXT if part["comma"] else low
        return max(high - low, 0) + 1
    return {None: 1, "?": 2}.get(part["quantifier"], MAX_TEXT + 1)


def _compiles(pattern: str) -> bool:
    """A range may run backwards, and a repetition may end before it begins."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
