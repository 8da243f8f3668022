"""Who may call what: one table, by operation id. Routes ask it, docs/permissions.md shows it, a test walks it.

It says *what* a role may do. *Whose* rows it may do it to is PostgreSQL's to say: a member's policies show a member
their own. An operation that is in neither table answers nobody.
"""

from domain.errors import Forbidden
from domain.tenancy import CARE_ROLES, OWNING_ROLES, PEOPLE, STAFF_ROLES

CONTENT = frozenset({"content_admin"})
OPERATORS = frozenset({"operator"})
OWNERS = frozenset({"business_owner"})
EDITORS = CARE_ROLES | {"individual"}  # PostgreSQL's app.edits_templates() says the same

# Without a token.
AUTH = frozenset({"get_auth_config", "login", "refresh", "register", "confirm", "resend", "forgot", "reset"})
PUBLIC = AUTH | frozenset(
    {"live", "ready", "get_error", "cancel_erasure", "look_at_invitation", "accept_invitation", "read_feed"}
)

ALLOWED: dict[str, frozenset[str]] = {
    # templates
    "list_templates": PEOPLE | CONTENT,
    "get_template": PEOPLE | CONTENT,
    "list_template_versions": PEOPLE | CONTENT,
    "get_template_version": PEOPLE | CONTENT,
    "get_questionnaire": PEOPLE | CONTENT,
    "create_template": EDITORS | CONTENT,
    "import_template": EDITORS | CONTENT,
    "replace_template_draft": EDITORS | CONTENT,
    "lint_template": EDITORS | CONTENT,
    "publish_template": EDITORS | CONTENT,
    "retire_template": EDITORS | CONTENT,
    # assessments and their jobs
    "start_assessment": PEOPLE,
    "list_assessments": PEOPLE,
    "get_assessment": PEOPLE,
    "save_assessment": PEOPLE,
    "submit_assessment": PEOPLE,
    "amend_assessment": PEOPLE,
    "get_result": PEOPLE,
    "get_questionnaire_response": PEOPLE,
    "get_job": PEOPLE,
    "follow_job": PEOPLE,
    "follow_events": PEOPLE,
    "cancel_job": PEOPLE,
    # programs and their review
    "list_programs": PEOPLE,
    "get_program": PEOPLE,
    "get_care_plan": PEOPLE,
    "archive_program": PEOPLE,
    "restart_program": PEOPLE,
    "end_program": PEOPLE,
    "resume_program": CARE_ROLES,
    # doing a program
    "list_sessions": PEOPLE,
    "list_program_sessions": PEOPLE,
    "get_session": PEOPLE,
    "report_events": PEOPLE,
    "list_alternatives": PEOPLE,
    "list_check_ins": PEOPLE,
    "make_check_in": PEOPLE,
    "list_adaptations": PEOPLE,
    "list_proposed_adaptations": CARE_ROLES,
    "accept_adaptation": CARE_ROLES,
    "decline_adaptation": CARE_ROLES,
    "list_reviews": CARE_ROLES,
    "edit_program": CARE_ROLES,
    "approve_program": CARE_ROLES,
    "reject_program": CARE_ROLES,
    # what has come of it, on paper and in a calendar
    "get_my_outcomes": PEOPLE,
    "draw_my_outcomes": PEOPLE,
    "get_member_outcomes": CARE_ROLES,
    "draw_member_outcomes": CARE_ROLES,
    "create_feed": PEOPLE,
    "list_feeds": PEOPLE,
    "revoke_feed": PEOPLE,
    "request_report": PEOPLE,
    "get_report": PEOPLE,
    "download_report": PEOPLE,
    # videos
    "list_videos": PEOPLE,
    "stream_video": PEOPLE | CONTENT,
    "note_video_progress": PEOPLE,
    "create_content_video": CONTENT,
    "list_content_videos": CONTENT,
    "get_content_video": CONTENT,
    "change_content_video": CONTENT,
    "upload_content_video": CONTENT,
    "process_content_video": CONTENT,
    "caption_content_video": CONTENT,
    "publish_content_video": CONTENT,
    "retire_content_video": CONTENT,
    # people
    "logout": PEOPLE | STAFF_ROLES,
    "list_notifications": PEOPLE,
    "read_notification": PEOPLE,
    "get_me": PEOPLE,
    "change_me": PEOPLE,
    "list_consents": PEOPLE,
    "answer_consent": PEOPLE,
    "request_export": PEOPLE,
    "list_exports": PEOPLE,
    "get_export": PEOPLE,
    "download_export": PEOPLE,
    "request_erasure": PEOPLE,
    "get_preferences": PEOPLE,
    "change_preferences": PEOPLE,
    "leave": PEOPLE - {"individual"},
    # the business
    "get_settings": CARE_ROLES,
    "change_settings": OWNING_ROLES,
    "list_members": CARE_ROLES,
    "query_members": CARE_ROLES,
    "query_cohorts": CARE_ROLES,
    "create_view": CARE_ROLES,
    "list_views": CARE_ROLES,
    "get_view": CARE_ROLES,
    "change_view": CARE_ROLES,
    "delete_view": CARE_ROLES,
    "get_member": CARE_ROLES,
    "change_member": OWNING_ROLES,
    "suspend_member": OWNING_ROLES,
    "reactivate_member": OWNING_ROLES,
    "remove_member": OWNING_ROLES,
    "transfer_ownership": OWNERS,
    "invite_members": CARE_ROLES,
    "list_invitations": CARE_ROLES,
    "get_invitation": CARE_ROLES,
    "resend_invitation": CARE_ROLES,
    "revoke_invitation": CARE_ROLES,
    "request_member_export": OWNERS,
    "get_member_export": OWNERS,
    "download_member_export": OWNERS,
    "restore_member": OWNING_ROLES,
    # Imports: whoever cares for the others.
    "create_import": CARE_ROLES,
    "list_imports": CARE_ROLES,
    "get_import_template": CARE_ROLES,
    "get_import": CARE_ROLES,
    "put_import_content": CARE_ROLES,
    "validate_import": CARE_ROLES,
    "confirm_import": CARE_ROLES,
    "pause_import": CARE_ROLES,
    "resume_import": CARE_ROLES,
    "cancel_import": CARE_ROLES,
    "retry_failed_import": CARE_ROLES,
    "undo_import": CARE_ROLES,
    "follow_import": CARE_ROLES,
    "list_import_rows": CARE_ROLES,
    "get_import_errors": CARE_ROLES,
    "request_import_results": CARE_ROLES,
    "get_import_results": CARE_ROLES,
    # webhooks
    "create_webhook": OWNING_ROLES,
    "list_webhooks": OWNING_ROLES,
    "get_webhook": OWNING_ROLES,
    "change_webhook": OWNING_ROLES,
    "delete_webhook": OWNING_ROLES,
    "rotate_webhook": OWNING_ROLES,
    "test_webhook": OWNING_ROLES,
    "list_webhook_deliveries": OWNING_ROLES,
    "resend_webhook_delivery": OWNING_ROLES,
    "replay_webhook": OWNING_ROLES,
    # the audit log
    "list_audit": OWNING_ROLES,
    "list_my_audit": PEOPLE,
    "list_ops_audit": OPERATORS,
    # operations
    "list_ops_jobs": OPERATORS,
    "get_ops_job": OPERATORS,
    "cancel_ops_job": OPERATORS,
    "list_queues": OPERATORS,
    "get_limits": OPERATORS,
    "change_limits": OPERATORS,
    "list_limits": OPERATORS,
    "list_dead_letters": OPERATORS,
    "list_dead_letter_groups": OPERATORS,
    "get_dead_letter_group": OPERATORS,
    "add_dead_letter_note": OPERATORS,
    "resolve_dead_letter_group": OPERATORS,
    "get_dead_letter": OPERATORS,
    "diff_dead_letter": OPERATORS,
    "reveal_dead_letter": OPERATORS,
    "discard_dead_letter": OPERATORS,
    "restore_dead_letter": OPERATORS,
    "order_replay": OPERATORS,
    "list_replays": OPERATORS,
    "get_replay": OPERATORS,
    "list_replayed_letters": OPERATORS,
    "pause_replay": OPERATORS,
    "resume_replay": OPERATORS,
    "cancel_replay": OPERATORS,
    "confirm_replay": OPERATORS,
}


def require(operation: str, role: str) -> None:
    """Raises Forbidden unless `role` may call `operation`."""
    if role not in ALLOWED.get(operation, frozenset()):
        raise Forbidden
