"""CloudFormation templates as they are read, and as their conditions leave them."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from tests.aws import gateway

STACKS = gateway.TEMPLATE.parent / "infra" / "stacks"
NAMES = sorted(path.stem for path in STACKS.glob("*.yaml"))


class _Loader(yaml.SafeLoader):
    """CloudFormation's short forms, as their long ones."""


def _long(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        value = loader.construct_scalar(node)  # type: ignore[arg-type]
    if tag == "GetAtt":
        value = value.split(".", 1)
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _long)


def read(path: Path) -> dict[str, Any]:
    """Without the API's generated paths, where it has them: they are many and take seconds."""
    before, _, rest = path.read_text().partition("        # Generated: python")
    after = rest.partition("        # Generated up to here\n")[2]
    found: dict[str, Any] = yaml.load(before + ("        openapi: 3.0.1\n" + after if after else ""), _Loader)
    return found


def choices(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every combination of values for the parameters that a condition looks at; what else is there has a stand-in."""
    parameters = template.get("Parameters", {})
    stand_ins = {name: each.get("Default", f"a {name}") for name, each in parameters.items()}
    switches = [name for name in _refs(template.get("Conditions", {})) if name in parameters]
    either = [parameters[name].get("AllowedValues", ["", "given"]) for name in switches]
    for values in product(*either):
        yield stand_ins | dict(zip(switches, values, strict=True))


def render(template: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """The template with these parameters: no conditions any more, and nothing that they leave out."""
    conditions = template.get("Conditions", {})
    true = {name for name, each in conditions.items() if _holds(each, conditions, parameters)}
    left: dict[str, Any] = {key: value for key, value in template.items() if key not in {"Conditions", "Rules"}}
    for section in ("Resources", "Outputs"):
        left[section] = {
            name: _chosen({key: value for key, value in each.items() if key != "Condition"}, true)
            for name, each in template.get(section, {}).items()
            if "Condition" not in each or each["Condition"] in true
        }
    return left


def _holds(condition: dict[str, Any], conditions: dict[str, Any], parameters: dict[str, Any]) -> bool:
    [(kind, value)] = condition.items()
    if kind == "Condition":
        return _holds(conditions[value], conditions, parameters)
    if kind == "Fn::Equals":
        left, right = (parameters[each["Ref"]] if isinstance(each, dict) else each for each in value)
        return str(left) == str(right)
    each_of = [_holds(each, conditions, parameters) for each in value]
    return {"Fn::Not": not each_of[0], "Fn::And": all(each_of), "Fn::Or": any(each_of)}[kind]


def _chosen(value: Any, true: set[str]) -> Any:
    nothing = {"Ref": "AWS::NoValue"}
    if isinstance(value, list):
        return [each for each in (_chosen(one, true) for one in value) if each != nothing]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        name, then, otherwise = value["Fn::If"]
        return _chosen(then if name in true else otherwise, true)
    made = {key: _chosen(each, true) for key, each in value.items()}
    return {key: each for key, each in made.items() if each != nothing}


def _refs(value: Any) -> list[str]:
    """Names that `Ref` is given, each once."""
    if isinstance(value, dict):
        if "Ref" in value:
            return [value["Ref"]]
        value = list(value.values())
    if isinstance(value, list):
        return list(dict.fromkeys(name for each in value for name in _refs(each)))
    return []


def named(value: Any) -> Iterator[tuple[str, str]]:
    """Every (name, attribute) a template refers to; the attribute is empty for the thing itself."""
    if isinstance(value, list):
        for each in value:
            yield from named(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "Ref":
                yield each, ""
            elif key == "Fn::GetAtt":
                yield each[0], each[1]
            elif key == "Fn::Sub":
                yield from _in_text(each)
            elif key == "DependsOn":
                yield from ((name, "") for name in ([each] if isinstance(each, str) else each))
            else:
                yield from named(each)


def _in_text(value: Any) -> Iterator[tuple[str, str]]:
    text, values = (value, {}) if isinstance(value, str) else value
    yield from named(list(values.values()))
    for part in text.split("${")[1:]:
        name, _, attribute = part.partition("}")[0].partition(".")
        if name not in values and not name.startswith("!"):
            yield name, attribute
