"""Reading JSON that anybody may have sent: a getter returns what FHIR allows or notes why not, and never raises."""

import re
from dataclasses import dataclass, field

from domain.fhir.names import Json
from domain.fhir.reasons import MAX_REASONS, Reason, reason

FIELD_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}")  # any other could hold anything: a pointer stops above it
_WHOLE = 2**31 - 1  # FHIR's integer


@dataclass(slots=True)
class Findings:
    """The reasons so far; what comes after the hundredth is not kept."""

    reasons: list[Reason] = field(default_factory=list)

    def add(self, code: str, pointer: str, detail: str = "") -> None:
        found = reason(code, pointer, detail)
        if len(self.reasons) < MAX_REASONS and found not in self.reasons:
            self.reasons.append(found)

    def any_in(self, pointer: str) -> bool:
        """Whether something at this place or below it has been refused already."""
        return any(f"{known.pointer}/".startswith(f"{pointer}/") for known in self.reasons)


@dataclass(frozen=True, slots=True)
class Element:
    """One JSON object and where it stands."""

    value: Json
    pointer: str
    findings: Findings

    def refuse(self, code: str, *names: str, detail: str = "") -> None:
        self.findings.add(code, "/".join((self.pointer, *names)), detail)

    def only(self, names: frozenset[str]) -> None:
        """Refuse every field that is not one of `names`; ids, extensions and comments are always allowed."""
        for name in self.value:
            if name.removeprefix("_") not in names and name not in ("id", "extension", "modifierExtension"):
                shown = name if FIELD_NAME.fullmatch(name) else None
                self.refuse("unknown_field", *([shown] if shown else []))

    def text(self, *names: str) -> str | None:
        """The string of the first of `names` there is."""
        name = next((name for name in names if self.value.get(name) is not None), None)
        if name is None:
            return None
        value = self.value[name]
        if isinstance(value, str):
            return value
        self.refuse("malformed", name)
        return None

    def flag(self, name: str) -> bool:
        """False when absent."""
        value = self.value.get(name, False)
        if isinstance(value, bool):
            return value
        self.refuse("malformed", name)
        return False

    def whole(self, name: str) -> int | None:
        value = self.value.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _WHOLE:
            self.refuse("malformed", name)
            return None
        return value

    def number(self, *names: str) -> int | float | None:
        """The number of the first of `names` there is."""
        for name in names:
            value = self.value.get(name)
            if value is not None:
                if isinstance(value, int | float) and not isinstance(value, bool):
                    return value
                self.refuse("malformed", name)
        return None

    def child(self, name: str) -> "Element | None":
        value = self.value.get(name)
        if value is None:
            return None
        if isinstance(value, dict):
            return Element(value, f"{self.pointer}/{name}", self.findings)
        self.refuse("malformed", name)
        return None

    def children(self, name: str) -> list["Element"]:
        value = self.value.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse("malformed", name)
            return []
        found = []
        for number, entry in enumerate(value):
            if isinstance(entry, dict):
                found.append(Element(entry, f"{self.pointer}/{name}/{number}", self.findings))
            else:
                self.refuse("malformed", name, str(number))
        return found

    def extensions(self, *urls: str) -> list["Element"]:
        return [entry for entry in self.children("extension") if entry.value.get("url") in urls]

    def extension(self, url: str) -> "Element | None":
        """The only one with this url; a second one is refused."""
        found = self.extensions(url)
        for more in found[1:]:
            more.refuse("malformed")
        return found[0] if found else None

    def choice(self, stem: str) -> str | None:
        """The name of the one `stem[x]` field there is, such as answerCoding."""
        names = [name for name in self.value if name.startswith(stem) and name != stem]
        if len(names) == 1:
            return names[0]
        self.refuse("malformed")
        return None
