"""One class per thing a caller can react to. `code` is stable, with a page in docs/errors; HTTP is in api/errors.py."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

if TYPE_CHECKING:
    from domain.assessments.issues import Issue
    from domain.programs.changes import Refusal
    from domain.tenancy import Allowance


class DomainError(Exception):
    """Something a client did or found, with a stable code. Never carries a client's values."""

    code: ClassVar[str]
    detail: ClassVar[str]

    def __str__(self) -> str:
        return self.detail


class NotFound(DomainError):
    """Unknown here: not there at all, or another tenant's. The two must not be told apart."""

    code = "not_found"
    detail = "There is no such resource, or it is not yours."


class AlreadySubmitted(DomainError):
    code = "already_submitted"
    detail = "This assessment has been submitted. Follow Location to its job, or start a new assessment."

    def __init__(self, job_id: UUID) -> None:
        self.job_id = job_id


class StaleRevision(DomainError):
    code = "stale_revision"
    detail = "The resource has changed since you read it. Read it again and repeat with its new ETag."


class IdempotencyKeyReused(DomainError):
    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used with a different body. Use a new key for a new request."


class RequestInFlight(DomainError):
    code = "request_in_flight"
    detail = "The same submission is still being worked on. Repeat the request shortly, with the same key."


class JobIsFinal(DomainError):
    code = "job_is_final"
    detail = "The job has ended and cannot change any more."


class InvalidAnswers(DomainError):
    """The answers are incomplete or wrong; `issues` says where, never what was given."""

    code = "invalid_answers"
    detail = "Some answers are missing or not valid. `errors` points at each."

    def __init__(self, issues: "Sequence[Issue]") -> None:
        self.issues = issues


class InvalidCursor(DomainError):
    """Not a cursor that this list gave to this person."""

    code = "invalid_cursor"
    detail = "The cursor is not one that this list gave you. Start again without it."


class NotPendingReview(DomainError):
    code = "not_pending_review"
    detail = "The program does not wait for a review: it has been decided, or none was asked for."


class ProgramInOtherState(DomainError):
    code = "program_in_other_state"
    detail = "The program is not in a state that allows this. Read it again: `status` says which it is in."


class NotProposed(DomainError):
    code = "not_proposed"
    detail = "The change does not wait for a decision: somebody has made one, or a newer change took its place."


class UnsafeEdit(DomainError):
    """An edited plan breaks rules; `refusals` points at the changes and names the rules."""

    code = "unsafe_edit"
    detail = "The program would break its rules with these changes, so none was made. `errors` names each rule."

    def __init__(self, refusals: "Sequence[Refusal]") -> None:
        self.refusals = refusals


class WeakPassword(DomainError):
    """`faults` are keys of domain.accounts.PASSWORD_RULES; none where only the user pool knows."""

    code = "weak_password"
    detail = "The password cannot be used. `errors` names each rule that it breaks."

    def __init__(self, faults: Sequence[str], pointer: str = "/password") -> None:
        self.faults = faults
        self.pointer = pointer


class WrongCode(DomainError):
    """Also where there is no such account, or nothing to confirm: never told apart."""

    code = "wrong_code"
    detail = "The code is wrong. Look at the newest e-mail, or ask for another code."


class ExpiredCode(DomainError):
    code = "expired_code"
    detail = "The code is too old, or none was asked for. Ask for another one."


class SessionEnded(DomainError):
    code = "session_ended"
    detail = "The session has ended. Sign in again."


class ConsentRequired(DomainError):
    """The tenant works on answers only with the consent to it. `version` is the one in force of `document`."""

    code = "consent_required"
    detail = "Consent is needed first. `errors` names the document and its version: see GET /v1/me/consents."

    def __init__(self, document: str, version: str) -> None:
        self.document = document
        self.version = version


class ConsentTextChanged(DomainError):
    code = "consent_text_changed"
    detail = "This is not the version in force. Read the text again, and answer to that."


class UnknownTimeZone(DomainError):
    code = "unknown_time_zone"
    detail = "There is no such time zone. Use a name of the IANA database, such as Europe/London."


class ExportNotReady(DomainError):
    code = "export_not_ready"
    detail = "There is no file yet. Follow the job of the export; if it has failed, ask for another one."


class ExportExpired(DomainError):
    code = "export_expired"
    detail = "The file is not kept any more. Ask for another export."


class Forbidden(DomainError):
    code = "forbidden"
    detail = "Your role does not allow this."


class TooManyRequests(DomainError):
    """More than a quota allows. After `retry_after_s` whole seconds the next one passes, if no other comes first."""

    code = "too_many_requests"
    detail = "That was too often. Repeat the request after Retry-After."

    def __init__(self, retry_after_s: int, allowance: "Allowance | None" = None) -> None:
        self.retry_after_s = retry_after_s
        self.allowance = allowance


class LastOwner(DomainError):
    code = "last_owner"
    detail = "A business has an owner. Transfer the ownership to somebody else first."


class InvitationNotOpen(DomainError):
    """The token is of an invitation that was revoked, has expired, or was replaced; or it is of none."""

    code = "invitation_not_open"
    detail = "This invitation does not work any more. Ask whoever sent it for another one."


class InvitationDecided(DomainError):
    code = "invitation_decided"
    detail = "The invitation has been accepted or revoked, which is final. Make another one where it is needed."


class MembershipEnded(DomainError):
    code = "membership_ended"
    detail = "This person is not a member any more. Invite them again."


class AlreadyHasAccount(DomainError):
    """Said to who has the token only, which came to the address in question."""

    code = "already_has_account"
    detail = "There is an FFP account with this e-mail address in another place. A person belongs to one."


class DeadLetterInOtherState(DomainError):
    code = "dead_letter_in_other_state"
    detail = "The dead letter is not in a state that allows this: look at it again."


class ExpectedCountDiffers(DomainError):
    code = "expected_count_differs"
    detail = "Not as many are found as you expect. Do a dry run, look at what it finds, and repeat with its count."


class ReplayInOtherState(DomainError):
    code = "replay_in_other_state"
    detail = "The replay is not in a state that allows this: look at it again."


class SecondOperatorNeeded(DomainError):
    code = "second_operator_needed"
    detail = "Somebody else has to confirm this replay: you have ordered it."


class TooManyFeeds(DomainError):
    code = "too_many_feeds"
    detail = "There are as many addresses of calendars as there can be. Revoke one that is not needed any more."


class ReportNotReady(DomainError):
    code = "report_not_ready"
    detail = "There is no file yet. Follow the job of the report; if it has failed, ask for another one."


class ReportExpired(DomainError):
    code = "report_expired"
    detail = "The file is not kept any more. Ask for another one."


class TooManyViews(DomainError):
    code = "too_many_views"
    detail = "The business keeps as many filters as it can. Delete one that is not needed any more."


class TooManyWebhooks(DomainError):
    code = "too_many_webhooks"
    detail = "The business has as many webhooks as it can. Delete one that is not needed any more."


class WebhookDisabled(DomainError):
    code = "webhook_disabled"
    detail = "The webhook is disabled. Enable it first."


class WebhookUrlRefused(DomainError):
    """`reason` is one of `too_long`, `malformed`, `not_https`, `credentials`, `fragment`, `port`, `host`."""

    code = "webhook_url_refused"
    detail = "Nothing can be sent to this address. `errors` names the reason."

    def __init__(self, reason: str) -> None:
        self.reason = reason


class VideoInOtherState(DomainError):
    code = "video_in_other_state"
    detail = "The video is not in a state that allows this: look at it again."


class UploadMissing(DomainError):
    code = "upload_missing"
    detail = "Nothing has been uploaded yet. Send the file to the address that `upload` has, then repeat the request."


class UploadRefused(DomainError):
    """What was uploaded is not of the size or type that was announced."""

    code = "upload_refused"
    detail = "The file is not of the size or type that was announced. Ask for another upload, and send that file."


class InvalidCaptions(DomainError):
    """`line` is where the text stops to be WebVTT, from 1."""

    code = "invalid_captions"
    detail = "The captions are not WebVTT. `errors` names the line."

    def __init__(self, line: int) -> None:
        self.line = line


class UnknownExercise(DomainError):
    """`places` are those in the list of exercises, from 0."""

    code = "unknown_exercise"
    detail = "There are no such exercises in the library. `errors` points at each."

    def __init__(self, places: Sequence[int]) -> None:
        self.places = places


class Unavailable(DomainError):
    """The outside (database, pool) cannot serve now; what was asked for is not confirmed."""

    code = "unavailable"
    detail = "The service cannot answer right now. Repeat the request after Retry-After, with the same Idempotency-Key."


class ImportInOtherState(DomainError):
    code = "import_in_other_state"
    detail = "The import is in a state in which this cannot be done. Read it again."


class ImportHasFailures(DomainError):
    """All or nothing, and some rows cannot be applied."""

    code = "import_has_failures"
    detail = "Some rows fail and the import is atomic, so none is applied. Correct them and upload the file again."


class ImportResultsNotReady(DomainError):
    code = "import_results_not_ready"
    detail = "The results have not been collected yet. Ask for them, and wait for their job to end."


class BulkActionInOtherState(DomainError):
    code = "bulk_action_in_other_state"
    detail = "The bulk action is in a state in which this cannot be done. Read it again."


class BulkActionFileNotReady(DomainError):
    code = "bulk_action_file_not_ready"
    detail = "There is no such file, or not yet, or not any more. Wait for what makes it to end, or have it made."
