"""Scores over attempts, and the image of them."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.assessments.instrument_rules import NPRS_CHANGE
from domain.assessments.scoring import ScaleScore
from domain.outcomes.drawing import svg
from domain.outcomes.records import Attempt, Felt, Outcomes, Week
from domain.outcomes.trends import instruments, matters, pain

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)


def attempts(*values: float | None, name: str = "Pain <now>", **more: Any) -> list[Attempt]:
    def scored(value: float | None) -> dict[str, Any]:
        scale = ScaleScore(
            id="nprs", label={"en": name}, value=value, min=0, max=10, direction="higher_worse",
            minimal_change=NPRS_CHANGE, **more,
        )  # fmt: skip
        return scale.model_dump(mode="json")

    return [Attempt("knee-pain", n + 1, BEGIN + timedelta(days=30 * n), [scored(v)]) for n, v in enumerate(values)]


def test_change_is_held_against_the_first_and_the_previous_value() -> None:
    [found] = instruments(attempts(7, None, 6, 4))
    assert [(point.attempt, point.value) for point in found.series] == [(1, 7), (3, 6), (4, 4)]
    assert found.since_first
    assert found.since_previous
    assert (found.since_first.change, found.since_first.improved, matters(found.since_first)) == (-3, True, True)
    assert (found.since_previous.change, matters(found.since_previous)) == (-2, True)
    [little] = instruments(attempts(7, 6))
    assert matters(little.since_first) is False  # neither 2 points nor 30 % (Ostelo 2008)
    [alone] = instruments(attempts(7))
    assert (alone.since_first, alone.since_previous, matters(None)) == (None, None, None)
    assert instruments(attempts(None)) == ()


def drawn(**changes: Any) -> tuple[ET.Element, str]:
    during, after = pain([Felt(BEGIN + timedelta(days=n), n, None if n == 1 else 10 - n) for n in range(5)])
    weeks = (Week(date(2026, 8, 31), 3, 2, 67), Week(date(2026, 9, 7), 0, 0, None))
    usual: dict[str, Any] = {
        "instruments": instruments(attempts(7, 4)), "weeks": weeks, "pain_during": during, "pain_after": after,
    }  # fmt: skip
    image = svg(Outcomes(UUID(int=1), date(2026, 10, 5), **(usual | changes)))
    return ET.fromstring(image), image


def test_the_image_is_well_formed_legible_and_says_everything_in_words() -> None:
    root, image = drawn()
    space = {"s": "http://www.w3.org/2000/svg"}
    assert root.attrib["role"] == "img"
    assert [root.find(f"s:{name}", space).attrib["id"] for name in ("title", "desc")] == ["title", "description"]  # type: ignore[union-attr]
    words = root.findtext("s:desc", "", space)
    assert "Pain <now> (knee pain): 4 now. Better by 3 since the first time, a change that matters." in words
    assert "Sessions: 2 done, 3 due so far." in words
    texts = root.findall(".//s:text", space)
    assert min(int(each.attrib["font-size"]) for each in texts) >= 14
    assert {"2/3", "during: circles, solid line"} <= {each.text for each in texts}
    # The two series of pain differ by mark and by dash, not by colour alone.
    lines = root.findall(".//s:polyline", space)[-2:]
    assert ["stroke-dasharray" in each.attrib for each in lines] == [False, True]
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    places = [(float(x), float(y)) for x, y in re.findall(r'[ ]x="([\d.-]+)" y="([\d.-]+)"', image)]
    assert all(0 <= x <= width and -10 <= y <= height for x, y in places)
    assert "<script" not in image


def test_with_nothing_to_show_it_says_so() -> None:
    _, image = drawn(instruments=(), weeks=(), pain_during=(), pain_after=())
    assert "Nothing has been due yet." in image
    assert "Nothing has been said of pain yet." in image
