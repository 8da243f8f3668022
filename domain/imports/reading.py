"""One row: whom it is about, what it says, and what is wrong with it before anybody has looked into the database."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from domain.assessments.completion import Completed, complete
from domain.assessments.template import Template
from domain.imports import headers
from domain.imports.answers import answers_from, column_of, names_of
from domain.imports.escaping import OURS_ESCAPES, unescaped
from domain.imports.faults import FileFault
from domain.imports.headers import folded
from domain.imports.limits import MOST_CELL_CHARS
from domain.imports.model import Cell, Kind, Options, RowIssue

_ADDRESS = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,63}")
_NAME = re.compile(r"[^\x00-\x1f\x7f<>]{1,100}")
_EXTERNAL = re.compile(r"[^\x00-\x1f\x7f<>]{1,100}")
_LONGEST_ADDRESS = 254
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"})
ROLES = {
    "": "member", "member": "member", "miembro": "member", "socio": "member",
    "patient": "member", "paciente": "member", "client": "member", "cliente": "member",
    "clinician": "clinician", "physio": "clinician", "physiotherapist": "clinician", "trainer": "clinician",
    "clinico": "clinician", "fisioterapeuta": "clinician", "entrenador": "clinician",
    "admin": "business_admin", "administrator": "business_admin", "business admin": "business_admin",
    "administrador": "business_admin", "administradora": "business_admin",
}  # fmt: skip
ACTIONS = {
    "assign": "assign", "asignar": "assign", "regenerate": "regenerate", "regenerar": "regenerate",
    "renew": "regenerate", "archive": "archive", "archivar": "archive",
}  # fmt: skip


@dataclass(slots=True)
class Read:
    """`values`: of a member `name` (None where no column says it) and `role`; of a program `action` and `template`; of
    an assessment `template` and `completed`.
    """

    number: int
    cells: Sequence[Cell]
    external_id: str | None = None
    email: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    issues: list[RowIssue] = field(default_factory=list)

    def wrong(self, code: str, column: str | None = None) -> None:
        self.issues.append(RowIssue(column, code))


class Reader:
    """Reads rows of one file. `templates` by name, for imports that need any; `today` dates the ages.

    Raises FileFault where the header says that no row could be read.
    """

    def __init__(
        self,
        kind: Kind,
        columns: Sequence[str],
        options: Options,
        templates: Mapping[str, Template],
        today: date,
    ) -> None:
        self._kind, self._options, self._templates, self._today = kind, options, templates, today
        if options.template is not None and options.template not in templates:
            raise FileFault("unknown_template")
        more: dict[str, list[str]] = {}
        if kind == "assessments":
            for template in [templates[options.template]] if options.template else templates.values():
                for link, names in names_of(template).items():
                    more.setdefault(link, []).extend(names)
        self.width = len(columns)
        self._columns = headers.resolved(columns, kind, options.mapping, more)
        self._places = {ours: position for position, ours in self._columns.items()}
        self.titles = {ours: columns[position] for position, ours in self._columns.items()}
        self._require_columns()
        self._read: Callable[[Read, Sequence[Cell]], None] = {
            "members": self._member, "assessments": self._assessment, "programs": self._program,
        }[kind]  # fmt: skip

    def _require_columns(self) -> None:
        has = self._places.keys()
        enough = bool(has & {"email", "external_id"}) if self._kind != "members" else "email" in has
        if self._kind == "assessments" and self._options.template is None:
            enough = enough and "template" in has
        if self._kind == "programs":
            enough = enough and "action" in has
        if not enough:
            raise FileFault("missing_column", 1)

    def read(self, number: int, cells: Sequence[Cell]) -> Read:
        """Cells beyond the header's are wrong unless they are blank; missing ones are blank."""
        row = Read(number, cells)
        if len(cells) > self.width and any(each not in ("", None) for each in cells[self.width :]):
            row.wrong("too_many_cells")
        self._check(row, cells)
        external = self._text(row, cells, "external_id")
        if external:
            row.external_id = external
            if not _EXTERNAL.fullmatch(external):
                row.wrong("pattern", self.titles["external_id"])
        email = self._text(row, cells, "email").lower()
        if email:
            row.email = email
            if len(email) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(email):
                row.wrong("bad_address", self.titles["email"])
        self._read(row, cells)
        return row

    def _check(self, row: Read, cells: Sequence[Cell]) -> None:
        """What no cell that means something may be: all at once, and each only where there may be something."""
        texts = [cell for cell in cells if isinstance(cell, str)]
        joined = "\n".join(texts)
        risky = "=" in joined or "#" in joined or "\0" in joined
        if not risky and len(joined) <= MOST_CELL_CHARS and _is_text(joined):
            return
        for position, ours in self._columns.items():
            cell = cells[position] if position < len(cells) else None
            if not isinstance(cell, str):
                continue
            if len(cell) > MOST_CELL_CHARS:
                row.wrong("cell_too_long", self.titles[ours])
            elif "\0" in cell or not _is_text(cell):
                row.wrong("bad_text", self.titles[ours])
            elif unescaped(cell).startswith("="):
                row.wrong("formula", self.titles[ours])
            elif cell in _ERRORS:
                row.wrong("error_cell", self.titles[ours])

    def _cell(self, cells: Sequence[Cell], ours: str) -> Cell:
        position = self._places.get(ours)
        if position is None or position >= len(cells):
            return ""
        cell = cells[position]
        return unescaped(cell) if isinstance(cell, str) and cell[:1] == OURS_ESCAPES else cell

    def _text(self, row: Read, cells: Sequence[Cell], ours: str) -> str:
        cell = self._cell(cells, ours)
        if isinstance(cell, str):
            return cell.strip()
        if isinstance(cell, int) and not isinstance(cell, bool):  # an id that JSON has as a number
            return str(cell)
        if cell is not None:
            row.wrong("wrong_type", self.titles[ours])
        return ""

    def _member(self, row: Read, cells: Sequence[Cell]) -> None:
        if row.email is None:
            self._missing(row, "email")
        name = self._text(row, cells, "name")
        if not name:
            parts = (self._text(row, cells, "first_name"), self._text(row, cells, "last_name"))
            name = " ".join(part for part in parts if part)
        if name and not _NAME.fullmatch(name):
            row.wrong("pattern", self.titles.get("name", self.titles.get("first_name")))
        role = self._text(row, cells, "role")
        if role and folded(role) not in ROLES:
            row.wrong("unknown_option", self.titles["role"])
        row.values = {"name": name, "role": ROLES.get(folded(role) if role else ""), "says_role": bool(role)}

    def _program(self, row: Read, cells: Sequence[Cell]) -> None:
        self._someone(row)
        said = self._text(row, cells, "action")
        action = ACTIONS.get(folded(said))
        if said and action is None:
            row.wrong("unknown_option", self.titles["action"])
        elif action is None:
            self._missing(row, "action")
        slug = self._text(row, cells, "template") or self._options.template
        if slug and slug not in self._templates:
            row.wrong("unknown_template", self.titles.get("template"))
        if action == "assign" and not slug:
            row.wrong("required", self.titles.get("template", "template"))
        row.values = {"action": action, "template": slug}

    def _assessment(self, row: Read, cells: Sequence[Cell]) -> None:
        self._someone(row)
        slug = self._text(row, cells, "template") or self._options.template
        template = self._templates.get(slug or "")
        if template is None:
            row.wrong("unknown_template" if slug else "required", self.titles.get("template", "template"))
            return
        if row.issues:
            return
        asked = ((ours, self._cell(cells, ours)) for ours in self._places if ours not in headers.COLUMNS["assessments"])
        answers, unknown = answers_from(template, asked)
        for column in unknown:
            row.wrong("unknown_question", self.titles[column])
        completed = complete(template, answers, self._today)
        for each in completed.issues:
            row.wrong(each.code, column_of(each.pointer, self.titles))
        row.values = {"template": slug, "completed": completed}

    def _someone(self, row: Read) -> None:
        if row.email is None and row.external_id is None:
            self._missing(row, "external_id" if "external_id" in self.titles else "email")

    def _missing(self, row: Read, ours: str) -> None:
        """Unless it says something that cannot be taken."""
        if all(each.column != self.titles[ours] for each in row.issues):
            row.wrong("required", self.titles[ours])


def _is_text(text: str) -> bool:
    """Half of a surrogate pair is none: neither UTF-8 nor PostgreSQL has it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def completed_of(row: Read) -> Completed:
    found: Completed = row.values["completed"]
    return found
