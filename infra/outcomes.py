"""Outcomes in PostgreSQL: all that they are made of comes in one read."""

from datetime import date, datetime
from uuid import UUID

from domain.outcomes.records import Attempt, Felt, Record, Sitting
from infra.rows import Row, TenantConnection


class OutcomeRepository:
    def __init__(self, connection: TenantConnection) -> None:
        self._connection = connection

    def read(self, person: UUID) -> Record:
        """Attempts and pain oldest first. A read of somebody else's leaves an audit row. Raises NotFound."""
        [row] = self._connection.read(
            "select * from app.read_outcomes(%s, %s, %s, %s, %s)", (person, self._connection.context.request_id)
        )
        return Record(
            row["today"],
            [
                Attempt(a["template"], a["number"], datetime.fromisoformat(a["at"]), a["scores"])
                for a in row["attempts"]
            ],
            [_sitting(each) for each in row["sessions"]],
            [Felt(datetime.fromisoformat(f["at"]), f["during"], f["after"]) for f in row["pain"]],
        )


def _sitting(row: Row) -> Sitting:
    days = ("planned_on", "scheduled_on", "done_on", "counted_from", "until")
    return Sitting(status=row["status"], **{day: row[day] and date.fromisoformat(row[day]) for day in days})
