"""What a job or a notification may be called is one list in the code (domain/jobs.py, domain/notifications.py)."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Only the form: each new kind of work restated three lists here, and two releases side by side could not both be right.
FORM = """
alter table jobs drop constraint jobs_kind_check, drop constraint jobs_stage_check, drop constraint jobs_result_type_check,
    add constraint jobs_kind_check check (kind ~ '^[a-z_]{1,40}$'),
    add constraint jobs_stage_check check (stage ~ '^[a-z_]{1,40}$'),
    add constraint jobs_result_type_check check (result_type ~ '^[a-z_]{1,40}$');
alter table notifications drop constraint notifications_kind_check,
    add constraint notifications_kind_check check (kind ~ '^[a-z_]{1,40}$');
"""

LISTS = """
alter table jobs drop constraint jobs_kind_check, drop constraint jobs_stage_check, drop constraint jobs_result_type_check,
    add constraint jobs_kind_check check (kind in ('assessment', 'email', 'export', 'erasure')),
    add constraint jobs_stage_check check (stage in ('scoring', 'generating', 'sending', 'exporting', 'erasing')),
    add constraint jobs_result_type_check check (result_type in ('program', 'referral', 'export'));
alter table notifications drop constraint notifications_kind_check, add constraint notifications_kind_check
    check (kind in ('referral', 'program_ready', 'program_to_review', 'program_rejected', 'webhook_disabled'));
"""


def upgrade() -> None:
    op.execute(FORM)


def downgrade() -> None:
    op.execute(LISTS)
