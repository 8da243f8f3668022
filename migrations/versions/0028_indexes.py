"""What looks for few jobs of a line goes by an index.

To PostgreSQL, which knows how many jobs wait but not that they are the last of the table, reading the table until it has
met a few of them looks cheaper than an index. It met them behind all jobs that ever were: once for each job that ended,
while others waited. 0025 is about the contrary, a queue of which it knows nothing.
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

FUNCTIONS = (
    "in_flight(uuid, text, integer)", "in_flight(text, integer)", "take_place()",
    "take_turns(uuid, text, integer, double precision)", "turns_after(boolean, uuid, uuid, text, double precision)",
    "choose_job(text)", "waits(text)", "has_newcomer(text, text)", "tenant_is_full(uuid, text)",
    "put_back(uuid, uuid, text)", "hold_back(uuid, uuid, text)",
)  # fmt: skip


def upgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"alter function app.{function} set enable_seqscan = off")


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"alter function app.{function} reset enable_seqscan")
