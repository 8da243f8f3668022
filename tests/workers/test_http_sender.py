"""Posting to whom somebody else has chosen: nowhere inside, never for long, and never further than asked."""

import datetime as dt
import socket
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra import http_sender
from infra.http_sender import Posted
from tests.workers.receiver import dripping, flooding, receiving, status

HOST = "hooks.example.com"


def post(url: str, *, private: bool = True, **more: object) -> Posted:
    return http_sender.post(url, {"webhook-id": "x"}, b"{}", allow_private=private, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "outcome"), [(200, "delivered"), (204, "delivered"), (410, "gone"), (404, "status"), (500, "status")]
)
def test_a_status_is_an_outcome(code: int, outcome: str) -> None:
    with receiving(status(code)) as receiver:
        posted = post(receiver.url("/hook?a=1"))
    assert (posted.outcome, posted.status) == (outcome, code)
    [got] = receiver.got
    assert (got.path, got.body, got.headers["host"]) == ("/hook?a=1", b"{}", f"127.0.0.1:{receiver.port}")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(code: int) -> None:
    with receiving() as inner, receiving(status(code, Location=inner.url("/inner"))) as receiver:
        posted = post(receiver.url())
    assert (posted.outcome, posted.status) == ("status", code)
    assert inner.got == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["10.0.0.7"], ["169.254.169.254"], ["::1"], ["fd00:ec2::254"], ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"], ["2002:7f00:1::"], ["fe80::1%lo"], ["93.184.215.14", "127.0.0.1"], [],
    ],
)  # fmt: skip
def test_a_name_that_stands_for_an_address_inside_is_not_called(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    called: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **_: called.append(a))
    posted = post(f"https://{HOST}/", private=False, resolve=lambda *_: addresses)
    assert (posted.outcome, called) == ("address_refused", [])


def test_a_name_that_changes_its_mind_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: the first answer is public, every later one is this machine's."""
    answers, asked, called = iter([["93.184.215.14"]]), [], []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return next(answers, ["127.0.0.1"])

    def connect(address: object, *_: object) -> None:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    assert post(f"https://{HOST}/", private=False, resolve=resolve).outcome == "connection"
    assert (asked, called) == ([HOST], [("93.184.215.14", 443)])


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "https://127.0.0.1/", "https://hooks.example.com:22/", "https://[::1]/"]
)
def test_outside_a_developers_machine_an_address_must_be_as_the_api_takes_it(url: str) -> None:
    assert post(url, private=False).outcome == "url_refused"


def test_headers_that_drip_end_at_the_deadline() -> None:
    with receiving(dripping(b"HTTP/1.1 200 OK\r\nX: ", 100)) as receiver:
        began = time.monotonic()
        posted = post(receiver.url(), total_s=0.5)
    assert (posted.outcome, posted.status) == ("timeout", None)
    assert time.monotonic() - began < 50


def test_a_body_that_drips_changes_nothing_and_is_left_after_a_second() -> None:
    with receiving(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", 100)) as receiver:
        began = time.monotonic()
        posted = post(receiver.url())
    assert posted.outcome == "delivered"
    assert time.monotonic() - began < 50


def test_who_never_answers_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        posted = post(f"http://127.0.0.1:{silent.getsockname()[1]}/", total_s=0.5)
        assert posted.outcome == "timeout"
        posted = post(f"https://127.0.0.1:{silent.getsockname()[1]}/", total_s=0.5)  # in the handshake
        assert posted.outcome == "timeout"
    assert time.monotonic() - began < 50


@pytest.mark.parametrize("headers", [b"Content-Length: 131072000\r\n", b"Content-Encoding: gzip\r\n"])
def test_of_a_body_without_an_end_64_kb_are_read_and_none_unpacked(
    monkeypatch: pytest.MonkeyPatch, headers: bytes
) -> None:
    read: list[int] = []
    whole = socket.SocketIO.readinto

    def counted(self: socket.SocketIO, buffer: bytearray) -> int | None:
        count = whole(self, buffer)
        read.append(count or 0)
        return count

    monkeypatch.setattr(socket.SocketIO, "readinto", counted)
    with receiving(flooding(headers)) as receiver:
        sender_read_before = sum(read)
        posted = post(receiver.url())
    assert posted.outcome == "delivered"
    assert sum(read) - sender_read_before < 200_000


def test_what_is_no_http_is_an_outcome_too() -> None:
    def nonsense(handler: object) -> None:
        handler.wfile.write(b"SSH-2.0-nonsense\r\n" * 3)  # type: ignore[attr-defined]

    with receiving(nonsense) as receiver:
        assert post(receiver.url()).outcome == "protocol"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert post(f"http://127.0.0.1:{port}/").outcome == "connection"
    assert post("http://no-such-host.invalid/").outcome == "dns"


def test_ipv6() -> None:
    with receiving(six=True) as receiver:
        assert post(receiver.url(host="[::1]")).outcome == "delivered"
        assert post(receiver.url(host="[::ffff:127.0.0.1]"), private=False).outcome == "url_refused"
    assert receiver.got[0].headers["host"] == f"[::1]:{receiver.port}"


def certificate(directory: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context whose certificate is of `name`, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = directory / f"{name}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())


def test_the_certificate_is_of_the_name_though_the_connection_is_to_an_address(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, HOST)
    names: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    with receiving(context=server) as receiver:
        url = receiver.url(host=HOST, scheme="https")
        posted = post(url, resolve=lambda *_: ["127.0.0.1"], context=client)
        assert posted == Posted("delivered", 200, posted.duration_ms)
        assert post(url, resolve=lambda *_: ["127.0.0.1"]).outcome == "tls", "nobody has vouched for it"
    assert names[0] == HOST
    assert receiver.got[0].headers["host"] == f"{HOST}:{receiver.port}"
    wrong, trusting = certificate(tmp_path, "other.example.com")
    with receiving(context=wrong) as receiver:
        posted = post(receiver.url(host=HOST, scheme="https"), resolve=lambda *_: ["127.0.0.1"], context=trusting)
    assert (posted.outcome, receiver.got) == ("tls", [])
