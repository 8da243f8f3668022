"""Bodies on the wire that more than one resource uses."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from domain.jobs import STAGES_OF, Job, Review, Stage, Status


class Body(BaseModel):
    """A request body: fields nobody asked for are an error, not silence."""

    model_config = ConfigDict(extra="forbid")


class Progress(BaseModel):
    done: int
    total: int
    percent: int


class JobResult(BaseModel):
    """Where the outcome is. A referral has no program: its advice is in the assessment's result.

    `review` is null where nobody has to review the program. Otherwise its member finds nothing at `href` (404) before
    it is `approved`, and never when it is `rejected`; the job's ETag changes with the decision.
    """

    type: Literal["program", "referral", "export", "report"]
    id: UUID
    href: str
    review: Review | None = None


class JobError(BaseModel):
    code: str
    reference: UUID


class JobBody(BaseModel):
    """The status resource. `estimate_s`: seconds to the end, null where nothing honest can be said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a10",
                    "kind": "assessment",
                    "status": "running",
                    "stage": "generating",
                    "progress": {"done": 1, "total": 2, "percent": 50},
                    "attempt": 1,
                    "max_attempts": 5,
                    "created_at": "2026-11-22T12:00:00Z",
                    "started_at": "2026-11-22T12:00:00Z",
                    "finished_at": None,
                    "estimate_s": None,
                    "result": None,
                    "error": None,
                    "links": {
                        "self": "/v1/jobs/019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a10",
                        "assessment": "/v1/assessments/019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a11",
                    },
                }
            ]
        }
    )

    id: UUID
    kind: str
    status: Status
    stage: Stage
    progress: Progress
    attempt: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    estimate_s: float | None = Field(default=None)
    result: JobResult | None
    error: JobError | None
    links: dict[str, str]


def job_body(job: Job) -> JobBody:
    stages = STAGES_OF[job.kind]
    done = len(stages) if job.status == "succeeded" else stages.index(job.stage)
    # A dead letter is ours to mend: whoever waits reads that we are still on it.
    status: Status = "retrying" if job.status == "dead" else job.status
    result = None
    if job.result_type == "program":
        href = f"/v1/programs/{job.result_id}"
        result = JobResult(type="program", id=_id(job.result_id), href=href, review=job.review)
    elif job.result_type == "referral":
        result = JobResult(
            type="referral", id=_id(job.assessment_id), href=f"/v1/assessments/{job.assessment_id}/result"
        )
    elif job.result_type == "export":
        # Of oneself, or by an owner who asked for it.
        above = "/v1/me" if job.subject_id == job.user_id else f"/v1/business/members/{job.user_id}"
        result = JobResult(type="export", id=_id(job.result_id), href=f"{above}/exports/{job.result_id}")
    elif job.result_type == "report":
        result = JobResult(type="report", id=_id(job.result_id), href=f"/v1/reports/{job.result_id}")
    failed = job.status in {"failed", "dead"}
    links = {"self": f"/v1/jobs/{job.id}"}
    if job.assessment_id is not None:
        links["assessment"] = f"/v1/assessments/{job.assessment_id}"
        links["result"] = f"/v1/assessments/{job.assessment_id}/result"
    return JobBody(
        id=job.id,
        kind=job.kind,
        status=status,
        stage=job.stage,
        progress=Progress(done=done, total=len(stages), percent=100 * done // len(stages)),
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        estimate_s=job.estimate_s,
        result=result,
        error=JobError(code=job.error_code or "unknown", reference=job.id) if failed else None,
        links=links,
    )


def _id(value: UUID | None) -> UUID:
    if value is None:
        raise ValueError("a finished job has a result")
    return value
