"""What enableWhen means by the FHIR specification alone, written without looking at how templates do it."""

from operator import ge, gt, le, lt
from typing import Any

Json = dict[str, Any]
ORDER = {"<": lt, "<=": le, ">": gt, ">=": ge}


def shown(questionnaire: Json, answers: dict[str, list[Any]]) -> set[str]:
    """linkIds of what is enabled. `answers` are lists; those of what is not enabled count as absent."""
    enabled: set[str] = set()
    known: dict[str, bool] = {}
    parents: dict[str, str | None] = {}
    items: dict[str, Json] = {}

    def walk(inside: list[Json], parent: str | None) -> None:
        for item in inside:
            items[item["linkId"]], parents[item["linkId"]] = item, parent
            walk(item.get("item", []), item["linkId"])

    def is_enabled(link: str) -> bool:
        if link not in known:
            parent = parents[link]
            known[link] = (parent is None or is_enabled(parent)) and meets(items[link])
        return known[link]

    def meets(item: Json) -> bool:
        results = [holds(condition) for condition in item.get("enableWhen", [])]
        return not results or (any(results) if item.get("enableBehavior") == "any" else all(results))

    def holds(condition: Json) -> bool:
        link, operator = condition["question"], condition["operator"]
        given = answers.get(link, []) if link in items and is_enabled(link) else []
        [wanted] = [value for name, value in condition.items() if name.startswith("answer")]
        wanted = wanted["code"] if isinstance(wanted, dict) else wanted
        if operator == "exists":
            return bool(given) == wanted
        if operator == "=":
            return any(value == wanted for value in given)
        if operator == "!=":
            return not any(value == wanted for value in given)
        return any(ORDER[operator](value, wanted) for value in given)

    walk(questionnaire["item"], None)
    enabled |= {link for link in items if is_enabled(link)}
    return enabled
