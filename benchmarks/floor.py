"""The physical limit of the main job: its rows, in its transactions, by a bare psycopg loop without queue or rules."""

import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

Row = dict[str, Any]


class Floor:
    """Copies of one finished job. `submit` and `work` each do for one job what the API and a worker write."""

    def __init__(self, url: str, job_id: UUID) -> None:
        self.connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        [self.job] = self._rows("select * from jobs where id = %s", job_id)
        assessment = self.job["assessment_id"]
        [self.assessment] = self._rows("select * from assessments where id = %s", assessment)
        [self.submission] = self._rows("select * from submissions where assessment_id = %s", assessment)
        [self.key] = self._rows("select * from idempotency_keys where response ->> 'id' = %s", str(job_id))
        [self.score] = self._rows("select * from scores where submission_id = %s", self.submission["id"])
        [self.program] = self._rows("select * from programs where job_id = %s", job_id)
        self.sessions = self._rows("select * from sessions where program_id = %s", self.program["id"])
        self.items = self._rows(
            "select i.* from prescribed_exercises i join sessions s on s.id = i.session_id where s.program_id = %s",
            self.program["id"],
        )
        self.audit = self._rows("select * from audit_log order by id desc limit 1")[0]
        self.audit.pop("id")
        self._number = 1_000_000

    def draft(self) -> UUID:
        """An assessment to submit; not part of what is measured."""
        new = uuid4()
        self.insert("assessments", [self.assessment | {"id": new, "status": "submitted"}])
        return new

    def submit(self, assessment: UUID) -> Row:
        """Two transactions: the submission, and the mark that its message is out."""
        self._number += 1
        submission = self.submission | {
            "id": uuid4(), "assessment_id": assessment, "attempt_number": self._number, "is_initial": False,
        }  # fmt: skip
        job = self.job | {"id": uuid4(), "assessment_id": assessment}
        with self.connection.transaction():
            self.connection.execute(
                "update assessments set status = 'submitted', answers = %s, revision = revision + 1 where id = %s",
                (Jsonb(self.assessment["answers"]), assessment),
            )
            self.insert("submissions", [submission])
            self.insert("jobs", [job | {"status": "queued", "result_type": None, "result_id": None}])
            self.insert("idempotency_keys", [self.key | {"key": str(job["id"])}])
            self.insert("audit_log", [self.audit])
        self._touch(job, durable=False)
        return submission | {"job": job}

    def work(self, submission: Row) -> None:
        """Five transactions: claim, score, mark, claim, program."""
        job, program = submission["job"], self.program | {
            "id": uuid4(), "job_id": submission["job"]["id"], "submission_id": submission["id"], "status": "archived",
        }  # fmt: skip
        self._claim(job, "scoring")
        with self.connection.transaction():
            self.connection.execute("update jobs set revision = revision + 1 where id = %s", (job["id"],))
            self.insert("scores", [self.score | {"submission_id": submission["id"]}])
            self.connection.execute("update attempts set ended_at = now() where job_id = %s", (job["id"],))
            self.insert("audit_log", [self.audit])
        self._touch(job, durable=False)
        self._claim(job, "generating")
        new = {row["id"]: uuid4() for row in self.sessions}
        with self.connection.transaction():
            self.connection.execute("update jobs set status = 'succeeded' where id = %s", (job["id"],))
            self.insert("programs", [program])
            self.insert("sessions", [r | {"id": new[r["id"]], "program_id": program["id"]} for r in self.sessions])
            self.insert("prescribed_exercises", [r | {"session_id": new[r["session_id"]]} for r in self.items])
            self.connection.execute("update attempts set ended_at = now() where job_id = %s", (job["id"],))
            self.insert("audit_log", [self.audit])

    def _claim(self, job: Row, stage: str) -> None:
        with self.connection.transaction():
            self.connection.execute("set local synchronous_commit = off")
            self.connection.execute(
                "update jobs set status = 'running', lease_until = now() + interval '60 s' where id = %s", (job["id"],)
            )
            self.insert(
                "attempts",
                [{"tenant_id": job["tenant_id"], "job_id": job["id"], "stage": stage, "number": 1, "worker": "floor"}],
            )

    def _touch(self, job: Row, *, durable: bool) -> None:
        with self.connection.transaction():
            if not durable:
                self.connection.execute("set local synchronous_commit = off")
            self.connection.execute("update jobs set published_at = now() where id = %s", (job["id"],))

    def _rows(self, query: str, *params: Any) -> list[Row]:
        return self.connection.execute(query, params).fetchall()  # type: ignore[return-value]

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        names = list(rows[0])
        query = f"insert into {table} ({', '.join(names)}) values ({', '.join(['%s'] * len(names))})"
        values = [[Jsonb(v) if isinstance(v, dict | list) else v for v in row.values()] for row in rows]
        self.connection.cursor().executemany(query, values)


def timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began
