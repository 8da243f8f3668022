"""What comes before a body, and how long a body may take: raw sockets against a real server."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests import processes
from tests.api.problems import _FIELDS

READ_TIMEOUT_S = 1.0
LIVE = b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server whose bodies may take a second; nobody here gets as far as a database."""
    environment = {
        "FFP_READ_TIMEOUT_S": str(READ_TIMEOUT_S),
        "FFP_DATABASE_URL": "postgresql://ffp_app@127.0.0.1:9/ffp",
    }
    with processes.api(tmp_path_factory.mktemp("limits"), **environment) as (_, client):
        found = client.base_url.port
        assert found
        yield found


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        yield wire


def answer(wire: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One answer: status, headers in lower case, body."""
    file = wire.makefile("rb")
    status = int(file.readline().split()[1])
    headers = {}
    while line := file.readline().strip():
        name, _, value = line.decode().partition(": ")
        headers[name.lower()] = value
    return status, headers, file.read(int(headers.get("content-length", 0)))


def assert_refused(wire: socket.socket, status: int, code: str) -> None:
    found, headers, body = answer(wire)
    problem: dict[str, Any] = json.loads(body)
    assert (found, problem["code"]) == (status, code)
    assert set(problem) == _FIELDS
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"] == problem["request_id"]
    assert headers["connection"] == "close"
    assert "server" not in headers
    assert wire.recv(1) == b""


def test_a_request_in_one_piece_or_in_many_is_answered(port: int) -> None:
    with connected(port) as wire:
        for pieces in ([LIVE + b"\r\n"], [LIVE[:9], LIVE[9:], b"\r\n"], [bytes([byte]) for byte in LIVE + b"\r\n"]):
            for piece in pieces:
                wire.sendall(piece)
            assert answer(wire)[0] == 200
        wire.sendall((LIVE + b"\r\n") * 3)
        file = wire.makefile("rb").read1(1 << 16)
        assert b"200 OK" in file


def test_the_server_does_not_say_what_it_is(port: int) -> None:
    with connected(port) as wire:
        wire.sendall(LIVE + b"\r\n")
        assert "server" not in answer(wire)[1]


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (LIVE + b"X-A: " + b"a" * 33_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (
            LIVE + b"".join(b"X-%d: %s\r\n" % (number, b"b" * 400) for number in range(90)) + b"\r\n",
            431,
            "headers_too_large",
        ),
        (LIVE + b"".join(b"X-%d: 1\r\n" % number for number in range(101)) + b"\r\n", 431, "headers_too_large"),
        (LIVE + b"X-A: " + b"a" * 40_000, 431, "headers_too_large"),  # and it never ends
        (b"GET /v1/" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
        (b"GET /v1/health/live?q=" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
        (b"NOT HTTP\r\n\r\n", 400, "malformed_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed_request"),  # TLS
    ],
)
def test_a_head_too_large_or_malformed_is_a_problem(port: int, head: bytes, status: int, code: str) -> None:
    with connected(port) as wire:
        wire.sendall(head)
        assert_refused(wire, status, code)


def test_what_is_just_within_the_limits_is_answered(port: int) -> None:
    with connected(port) as wire:
        wire.sendall(LIVE + b"".join(b"X-%d: %s\r\n" % (number, b"b" * 300) for number in range(90)) + b"\r\n")
        assert answer(wire)[0] == 200
        wire.sendall(b"GET /v1/health/live?q=" + b"a" * 8_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(wire)[0] == 200


def test_a_body_a_byte_at_a_time_ends_with_408(port: int) -> None:
    with connected(port) as wire:
        began = time.monotonic()
        wire.sendall(POST + b"Content-Length: 1000\r\n\r\n")
        wire.settimeout(0.2)
        while time.monotonic() - began < 100:
            wire.sendall(b" ")
            try:
                if wire.recv(1, socket.MSG_PEEK):
                    break
            except TimeoutError:
                continue
        assert READ_TIMEOUT_S <= time.monotonic() - began < 100  # at five bytes a second it would be 200
        wire.settimeout(20)
        assert_refused(wire, 408, "request_timeout")


def test_a_body_that_never_comes_ends_with_408(port: int) -> None:
    for how in (b"Content-Length: 20\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\n"):
        with connected(port) as wire:
            wire.sendall(POST + how)
            assert_refused(wire, 408, "request_timeout")


def test_slow_clients_hold_nobody_up(port: int) -> None:
    """More slow bodies at once than the server has threads."""
    for _ in range(5):  # where the machine itself holds them up, they are asked again
        with ExitStack() as open_ones:
            wires = [open_ones.enter_context(connected(port)) for _ in range(60)]
            for wire in wires:
                wire.sendall(POST + b"Content-Length: 1000\r\n\r\n")
            with connected(port) as wire:
                wire.sendall(LIVE + b"\r\n")
                assert answer(wire)[0] == 200
            wires[-1].setblocking(False)
            with suppress(BlockingIOError):
                wires[-1].recv(1, socket.MSG_PEEK)
                continue  # its body had been given up before the other was answered
            return
    pytest.fail("it was answered after all of them")


# What a client sends at once, and then again and again, so that uvicorn's own timer never runs out.
IDLE = {
    "says nothing": (b"", b""),
    "nothing that begins a request": (b"", b"\r\n"),
    "a head without an end": (LIVE, b"X-A: 1\r\n"),
    "after an answer": (LIVE + b"\r\n", b"\r\n"),
    "the body of an answered request": (b"GET /v1/none HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", b" "),
}


def held_open_s(port: int, sent: bytes, dripped: bytes) -> float:
    with connected(port) as wire:
        began = time.monotonic()
        wire.sendall(sent)
        wire.settimeout(0.5)
        while (took := time.monotonic() - began) < 100:
            try:
                if dripped:
                    wire.sendall(dripped)
                if wire.recv(1 << 16) == b"":
                    return took
            except TimeoutError:
                continue
            except OSError:
                return took
        return took


def test_no_connection_is_held_open_for_nothing(port: int, subtests: pytest.Subtests) -> None:
    with ThreadPoolExecutor(len(IDLE)) as threads:
        held = {name: threads.submit(held_open_s, port, *what) for name, what in IDLE.items()}
    for name, seconds in held.items():
        with subtests.test(name):
            assert seconds.result() < 100


def test_too_many_connections_are_told_to_come_back(tmp_path: Path) -> None:
    """The limit is high; this process is given a low one."""
    code = "import api.server, runpy, sys; api.server.MAX_CONNECTIONS = 5; sys.argv[1:] = {}; runpy.run_module('api', run_name='__main__')"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number = probe.getsockname()[1]
    arguments = ["-c", code.format(["--port", str(number)])]
    with processes.running(arguments, tmp_path / "api.log", {"FFP_DATABASE_URL": "postgresql://x@127.0.0.1:9/x"}):
        idle: list[socket.socket] = []
        deadline = time.monotonic() + 20
        while len(idle) < 5:
            try:
                idle.append(socket.create_connection(("127.0.0.1", number), timeout=20))
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with connected(number) as wire:
            wire.sendall(LIVE + b"\r\n")
            status, headers, body = answer(wire)
        assert (status, headers["retry-after"], json.loads(body)["code"]) == (503, "1", "unavailable")
        assert headers["x-content-type-options"] == "nosniff"
        for each in idle:
            each.close()

        def free() -> bool:
            with connected(number) as wire:
                wire.sendall(LIVE + b"\r\n")
                return answer(wire)[0] == 200

        processes.until(free, 20)
