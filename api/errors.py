"""Every error a client can get, as RFC 9457 problem details. No body ever repeats an input value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api import rates
from api.context import request_id
from domain import errors
from domain.accounts import PASSWORD_RULES
from domain.assessments import errors as templates
from infra import logs

STATUS_OF: dict[type[errors.DomainError], int] = {
    errors.InvalidCursor: 400,
    errors.NotFound: 404,
    errors.AlreadySubmitted: 409,
    errors.JobIsFinal: 409,
    errors.NotPendingReview: 409,
    errors.NotProposed: 409,
    errors.ProgramInOtherState: 409,
    errors.RequestInFlight: 409,
    errors.DeadLetterInOtherState: 409,
    errors.ReplayInOtherState: 409,
    errors.SecondOperatorNeeded: 409,
    errors.StaleRevision: 412,
    errors.ExpectedCountDiffers: 412,
    errors.IdempotencyKeyReused: 422,
    errors.InvalidAnswers: 422,
    errors.UnsafeEdit: 422,
    errors.SessionEnded: 401,
    errors.ExpiredCode: 422,
    errors.WeakPassword: 422,
    errors.WrongCode: 422,
    errors.ConsentRequired: 409,
    errors.ConsentTextChanged: 409,
    errors.ExportNotReady: 409,
    errors.ExportExpired: 410,
    errors.UnknownTimeZone: 422,
    errors.Forbidden: 403,
    errors.AlreadyHasAccount: 409,
    errors.InvitationDecided: 409,
    errors.LastOwner: 409,
    errors.MembershipEnded: 409,
    errors.TooManyFeeds: 409,
    errors.ReportNotReady: 409,
    errors.ReportExpired: 410,
    errors.TooManyViews: 409,
    errors.TooManyWebhooks: 409,
    errors.WebhookDisabled: 409,
    errors.WebhookUrlRefused: 422,
    errors.VideoInOtherState: 409,
    errors.UploadMissing: 409,
    errors.UploadRefused: 422,
    errors.InvalidCaptions: 422,
    errors.UnknownExercise: 422,
    errors.InvitationNotOpen: 410,
    errors.ImportHasFailures: 409,
    errors.ImportInOtherState: 409,
    errors.ImportResultsNotReady: 409,
    errors.BulkActionFileNotReady: 409,
    errors.BulkActionInOtherState: 409,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
    templates.NotSubmitted: 409,
    templates.TemplateNotADraft: 409,
    templates.TemplateNotPublished: 409,
    templates.TemplateRetired: 409,
    templates.TemplateVersionExists: 409,
    templates.InvalidTemplate: 422,
    templates.NotExportable: 422,
    templates.NotImportable: 422,
    templates.TemplateNotPublishable: 422,
}

# code -> status, title, what to do: the problems HTTP itself makes.
PROBLEMS: dict[str, tuple[int, str, str]] = {
    "malformed_request": (400, "Malformed request", "The request cannot be read. `errors` says why."),
    "idempotency_key_missing": (400, "Idempotency key missing", "Send one Idempotency-Key: 1 to 200 ASCII characters."),
    "unauthenticated": (401, "Not signed in", "Send a valid access token: Authorization: Bearer <token>."),
    "wrong_credentials": (401, "Wrong credentials", "The address or the password is wrong, or not confirmed."),
    "no_such_route": (404, "No such address", "There is nothing at this address. See /openapi.json."),
    "method_not_allowed": (405, "Method not allowed", "This address does not take this method. See the Allow header."),
    "request_timeout": (408, "Request too slow", "The rest of the request did not arrive in time. Send it again."),
    "body_too_large": (413, "Body too large", "Send less: see the limit in the documentation of this address."),
    "uri_too_long": (414, "Address too long", "The address and its query are too long."),
    "unsupported_media_type": (415, "Unsupported media type", "Send application/json."),
    "invalid_request": (422, "Invalid request", "Some fields are missing or not valid. `errors` points at each."),
    "headers_too_large": (431, "Headers too large", "Send fewer or shorter headers."),
    "revision_required": (428, "Revision required", "Send If-Match with the ETag of the version you have read."),
    "job_gone": (410, "Job gone", "The job ended long ago and is not kept any more."),
    "too_many_streams": (429, "Too many streams", "Close one of your event streams, or wait for Retry-After."),
    "internal_error": (500, "Internal error", "Something went wrong on our side. It is recorded by its request id."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """What a code means and what to do: the page a problem's `type` points to."""

    code: str
    status: int
    title: str
    detail: str


def catalogue() -> list[Page]:
    """Every code a client can meet."""
    ours = [Page(kind.code, status, title_of(kind.code), kind.detail) for kind, status in STATUS_OF.items()]
    return ours + [Page(code, *texts) for code, texts in PROBLEMS.items()]


class ProblemDetail(BaseModel):
    """One place in the request (`pointer`, RFC 6901) and what is wrong there."""

    pointer: str
    code: str
    message: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `type` is a page about it; `instance` names this one occurrence."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[ProblemDetail] = []


class HttpProblem(HTTPException):
    """A problem of the HTTP layer; `code` is a key of PROBLEMS. FastAPI lets an HTTPException through as it is, even
    from within its reading of a body.
    """

    def __init__(
        self, code: str, details: Sequence[ProblemDetail] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(PROBLEMS[code][0], code, dict(headers or {}))
        self.code = code
        self.details = list(details)


def title_of(code: str) -> str:
    return code.replace("_", " ").capitalize()


def problem(
    code: str, status: int, title: str, detail: str, details: Sequence[ProblemDetail] = (), **headers: str
) -> JSONResponse:
    this = request_id()
    body = Problem(
        type=f"/v1/errors/{code}",
        title=title,
        status=status,
        detail=detail,
        instance=f"urn:request:{this}",
        code=code,
        request_id=this,
        errors=list(details),
    )
    return JSONResponse(
        body.model_dump(mode="json"),
        status,
        {name.replace("_", "-"): value for name, value in headers.items()} | {"Cache-Control": "no-store"},
        "application/problem+json",
    )


def _http(code: str, details: Sequence[ProblemDetail] = (), headers: Mapping[str, str] | None = None) -> JSONResponse:
    status, title, detail = PROBLEMS[code]
    made = problem(code, status, title, detail, details)
    made.headers.update(headers or {})
    return made


def _domain(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.DomainError)  # noqa: S101 # nosec B101 # registered for this class
    status = STATUS_OF[type(error)]
    details = _details(error)
    headers: dict[str, str] = {}
    if isinstance(error, errors.AlreadySubmitted):
        headers["Location"] = f"/v1/jobs/{error.job_id}"
    if isinstance(error, errors.TooManyRequests):
        headers |= {"Retry-After": str(error.retry_after_s)} | rates.fields(error.allowance)
    if isinstance(error, errors.Unavailable | errors.RequestInFlight):
        headers["Retry-After"] = "1"
    if isinstance(error, errors.Unavailable):
        logs.warning("unavailable", reason=str(error.args))
    return problem(error.code, status, title_of(error.code), str(error), details, **headers)


def _details(error: errors.DomainError) -> list[ProblemDetail]:
    details: list[ProblemDetail] = []
    if isinstance(error, errors.InvalidAnswers):
        details = [ProblemDetail(pointer=i.pointer, code=i.code, message=i.message) for i in error.issues]
    if isinstance(error, templates.Refused):
        details = [ProblemDetail(pointer=r.pointer, code=r.code, message=r.message) for r in error.reasons]
    if isinstance(error, errors.WeakPassword):
        details = [ProblemDetail(pointer=error.pointer, code=f, message=PASSWORD_RULES[f]) for f in error.faults]
    if isinstance(error, errors.WebhookUrlRefused):
        message = "Give https://, a public host name in ASCII, and no port, credentials or fragment."
        details = [ProblemDetail(pointer="/url", code=error.reason, message=message)]
    if isinstance(error, errors.UnsafeEdit):
        details = [ProblemDetail(pointer=r.pointer, code=r.code, message=r.message) for r in error.refusals]
    if isinstance(error, errors.ConsentRequired):
        details = [ProblemDetail(pointer=f"/{error.document}", code=error.version, message="Consent to this version.")]
    if isinstance(error, errors.InvalidCaptions):
        message = f"Line {error.line} is not WebVTT, or its cue is not in order."
        details = [ProblemDetail(pointer="/text", code="not_webvtt", message=message)]
    if isinstance(error, errors.UnknownExercise):
        message = "There is no such exercise."
        details = [ProblemDetail(pointer=f"/exercises/{n}", code="unknown", message=message) for n in error.places]
    return details


def _http_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HttpProblem)  # noqa: S101 # nosec B101
    return _http(error.code, error.details, error.headers)


def _framework(_: Request, error: Exception) -> JSONResponse:
    """What Starlette itself raises: no route, wrong method, body over the limit."""
    assert isinstance(error, HTTPException)  # noqa: S101 # nosec B101
    code = {404: "no_such_route", 405: "method_not_allowed", 413: "body_too_large"}.get(
        error.status_code, "malformed_request"
    )
    return _http(code, headers=error.headers)


def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Pydantic's findings without its `input`: where and which rule, never what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 # nosec B101
    details = []
    for found in error.errors()[:50]:
        place, *path = found["loc"]
        if place == "path":  # an id that cannot be one is an id that is not there
            return _domain(_, errors.NotFound())
        known = [str(part) for part in path] if found["type"] != "extra_forbidden" else []
        pointer = "/" + "/".join(known) if known else ""
        details.append(ProblemDetail(pointer=pointer, code=found["type"], message=_words(found["type"])))
    return _http("invalid_request", details)


def _words(kind: str) -> str:
    return {
        "missing": "This field is required.",
        "extra_forbidden": "There is a field this request does not take.",
    }.get(kind, "This field has the wrong type or form.")


def unexpected(error: Exception) -> JSONResponse:
    """The last resort: recorded by class and place, answered without either."""
    logs.error("internal_error", error=type(error).__name__, frames=logs.frames(error))
    return _http("internal_error")


def install(app: FastAPI) -> None:
    app.add_exception_handler(errors.DomainError, _domain)
    app.add_exception_handler(HttpProblem, _http_problem)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(RequestValidationError, _invalid)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for the problems an operation can answer with."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "Problem", "content": content} for status in sorted(statuses)}
