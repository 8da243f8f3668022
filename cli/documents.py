"""Files and standard input as data: at most a megabyte, JSON or YAML, never anything that runs."""

import json
from typing import Any, BinaryIO

MAX_BYTES = 1_000_000


class Unreadable(Exception):
    """One line that says why."""


def read_text(source: BinaryIO) -> str:
    """Raises Unreadable for more than a megabyte, or for what is not UTF-8."""
    content = source.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Unreadable("more than a megabyte")
    try:
        return content.decode("utf-8-sig")  # files written on Windows may begin with a byte order mark
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8 text") from None


def parse_json(text: str) -> Any:
    """Strict JSON: no NaN, and no name twice in an object. Raises Unreadable with the line where it ends to be JSON."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {error.msg} in line {error.lineno}") from None
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None
    except RecursionError:
        raise Unreadable("not JSON that can be read: nested too deep") from None


def parse_yaml(text: str) -> Any:
    """YAML as the JSON it stands for; dates stay text. Raises Unreadable."""
    import yaml

    from domain.fhir.scan import MAX_DEPTH

    class Loader(yaml.CSafeLoader):
        """The safe one, which leaves dates as they are written."""

    Loader.yaml_implicit_resolvers = {
        start: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:timestamp"]
        for start, forms in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):  # the C loader crashes on what is nested too deep
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise Unreadable("nested too deep")
        return yaml.load(text, Loader=Loader)  # nosec B506 # noqa: S506  a safe loader without its dates
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise Unreadable(f"not YAML: see line {mark.line + 1}" if mark else "not YAML") from None
    except ValueError as error:
        raise Unreadable(f"not YAML: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the same name twice in an object")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number")
