"""What one release may do to the database before traffic moves, and what has to wait."""

import re
from pathlib import Path

import pytest

from infra import revisions
from infra.revisions import OutOfOrder, Phase, Plan, arranged

ADDS, TAKES = "expand", "contract"
VERSIONS = Path(__file__).resolve().parents[2] / "migrations" / "versions"
RELEASED = "0014"


@pytest.mark.parametrize(
    ("phases", "asked", "expected"),
    [
        ([], ADDS, Plan(None, ())),
        ([], TAKES, Plan(None, ())),
        ([ADDS, ADDS], ADDS, Plan("1", ())),
        ([ADDS, TAKES], ADDS, Plan("0", ("1",))),
        ([ADDS, TAKES, TAKES], ADDS, Plan("0", ("1", "2"))),
        ([TAKES], ADDS, Plan(None, ("0",))),
        ([TAKES], TAKES, Plan("0", ())),
        ([ADDS, TAKES], TAKES, Plan("1", ())),
    ],
)
def test_nothing_is_taken_away_before_traffic_has_moved(phases: list[Phase], asked: Phase, expected: Plan) -> None:
    assert arranged([(str(number), phase) for number, phase in enumerate(phases)], asked) == expected


@pytest.mark.parametrize("phases", [[TAKES, ADDS], [ADDS, TAKES, ADDS]])
def test_what_lies_behind_a_step_that_takes_away_needs_a_release_of_its_own(phases: list[Phase]) -> None:
    with pytest.raises(OutOfOrder, match="takes something away"):
        arranged([(str(number), phase) for number, phase in enumerate(phases)], ADDS)


def test_the_shipped_migrations_can_be_brought_out_by_one_release() -> None:
    everything = revisions.plan(None, ADDS)
    assert everything.to == max(path.name[:4] for path in VERSIONS.glob("0*.py"))
    assert everything.left == ()
    assert revisions.plan(everything.to, ADDS) == Plan(None, ())


def test_a_migration_that_takes_tables_or_columns_away_says_so() -> None:
    """Those before are out already."""
    for path in VERSIONS.glob("0*.py"):
        text = path.read_text().partition("def downgrade")[0]
        takes = re.search(r"op\.drop_(table|column)|alter table \w+ [^;]*drop column|^drop table", text, re.MULTILINE)
        if path.name[:4] > RELEASED and takes and 'phase = "contract"' not in text:
            assert "_UNDO" in text or "DOWN" in text, f'{path.name} takes something away: phase = "contract"'
