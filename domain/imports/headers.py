"""Which column of a file means what. Names of other systems and other languages are known; a mapping says the rest."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from domain.imports.faults import FileFault
from domain.imports.limits import MOST_COLUMNS, MOST_TITLE_CHARS
from domain.imports.model import Kind

# What comes from an errors.csv and says nothing of anybody.
OURS = frozenset({"_row", "_column", "_code", "_message"})

# Our column -> how others call it, in English and Spanish, as `folded` has it.
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "external_id": (
        "external id", "id", "member id", "member number", "member no", "client id", "client number", "customer id",
        "customer number", "patient id", "patient number", "mrn", "reference", "ref", "number", "no",
        "id externo", "identificador", "numero", "numero de socio", "numero de cliente", "numero de paciente",
        "id de paciente", "id de cliente", "referencia", "historia clinica", "n",
    ),
    "email": (
        "e mail", "mail", "email address", "e mail address", "mail address", "correo", "correo electronico",
        "direccion de correo", "direccion de correo electronico",
    ),
    "name": (
        "full name", "display name", "member", "member name", "client", "client name", "patient", "patient name",
        "nombre", "nombre completo", "nombre y apellidos", "cliente", "paciente", "socio",
    ),
    "first_name": ("first name", "given name", "forename", "nombre de pila"),
    "last_name": ("last name", "surname", "family name", "apellido", "apellidos"),
    "role": ("rol", "user role", "type", "tipo", "funcion"),
    "template": ("template id", "assessment", "questionnaire", "plantilla", "cuestionario", "evaluacion"),
    "action": ("accion", "order", "orden", "what"),
}  # fmt: skip

COLUMNS: dict[Kind, tuple[str, ...]] = {
    "members": ("external_id", "email", "name", "first_name", "last_name", "role"),
    "assessments": ("external_id", "email", "template"),
    "programs": ("external_id", "email", "action", "template"),
}
_SIGNS = re.compile(r"[\W_]+")


def bounded(titles: Sequence[str], row: int) -> None:
    """Raises FileFault: too_many_columns, long_title."""
    if len(titles) > MOST_COLUMNS:
        raise FileFault("too_many_columns", row)
    if any(len(title) > MOST_TITLE_CHARS for title in titles):
        raise FileFault("long_title", row)


def folded(name: str) -> str:
    """Without case, accents and signs: `Número de socio:` is `numero de socio`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return _SIGNS.sub(" ", plain).strip().lower()


def known_names(kind: Kind, more: Mapping[str, Iterable[str]] | None = None) -> dict[str, str]:
    """Every folded name -> our column; `more` are columns of a template, with the words of their questions."""
    names: dict[str, str] = {}
    for column, synonyms in (more or {}).items():
        names |= {folded(each): column for each in (*synonyms, column)}
    for column in COLUMNS[kind]:
        names |= dict.fromkeys((*_SYNONYMS[column], folded(column)), column)
    return names


def resolved(
    header: Sequence[str], kind: Kind, mapping: Mapping[str, str], more: Mapping[str, Iterable[str]] | None = None
) -> dict[int, str]:
    """Position -> our column, of the columns that mean something. Others are kept and say nothing.

    Raises FileFault: too_many_columns, long_title, unknown_column, column_twice.
    """
    bounded(header, 1)
    names = known_names(kind, more)
    ours = {*COLUMNS[kind], *(more or {})}
    if not set(mapping) <= set(header) or not set(mapping.values()) <= ours:
        raise FileFault("unknown_column", 1)
    # What the mapping names is not also guessed from another column's title.
    said = set(mapping.values())
    found: dict[int, str] = {}
    for position, title in enumerate(header):
        column = mapping.get(title)
        if column is None and title not in OURS:
            guess = names.get(folded(title))
            column = guess if guess not in said else None
        if column is not None:
            if column in found.values():
                raise FileFault("column_twice", 1)
            found[position] = column
    return found
