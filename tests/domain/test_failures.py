"""What is kept of a failure: enough to know it again, nothing of what it was about."""

import pytest

from domain.failures import Failure, tidy

OURS = "/var/task/domain/services/programs.py:42 generate"
LIBRARY = "/opt/venv/lib/python3.13/site-packages/psycopg/connection.py:304 execute"


def test_frames_say_where_in_the_code_not_where_it_is_installed() -> None:
    assert tidy([OURS, LIBRARY, "/usr/lib/python3.13/json/decoder.py:10 decode", "<string>:1 <module>"]) == (
        "domain/services/programs.py:42 generate",
        "psycopg/connection.py:304 execute",
        "json/decoder.py:10 decode",
        "<string>:1 <module>",
    )
    assert tidy(["/home/a/work/infra/api/infra/jobs.py:9 read"]) == ("infra/api/infra/jobs.py:9 read",)


def failure(*frames: str, error: str = "KeyError") -> str | None:
    return Failure("unexpected_error", error, tidy(frames)).signature


def test_a_new_release_does_not_change_a_signature() -> None:
    """Lines move, paths differ; what is inside of libraries does not count."""
    assert failure(OURS, LIBRARY) == "unexpected_error KeyError < domain/services/programs.py generate"
    assert failure("/app/domain/services/programs.py:57 generate") == failure(OURS, LIBRARY)


def test_another_class_or_place_is_another_failure() -> None:
    same = failure(OURS)
    assert failure(OURS, error="ValueError") != same
    assert failure("/a/domain/services/programs.py:42 other") != same
    assert failure("/a/domain/x.py:1 f", OURS) != same


def test_the_way_to_postgresql_tells_nothing() -> None:
    """Two statements that fail of one thing are told apart by who asked."""
    way = ("/a/infra/database.py:276 finish", "/a/infra/database.py:285 _rows", LIBRARY)
    scoring = failure("/a/infra/jobs.py:100 finish_scoring", *way)
    assert scoring == "unexpected_error KeyError < infra/jobs.py finish_scoring"
    assert scoring != failure("/a/infra/jobs.py:110 finish_generation", *way)


def test_numbers_and_ids_are_stripped() -> None:
    assert failure("/a/workers/work.py:1 lambda_12") == "unexpected_error KeyError < workers/work.py lambda_N"


@pytest.mark.parametrize("code", ["leased", "mail_refused"])
def test_what_a_stage_says_itself_needs_no_place(code: str) -> None:
    assert Failure(code).signature is None
