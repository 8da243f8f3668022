"""What RDS puts before PostgreSQL, as far as a client can tell: TLS with a certificate of an authority that no system
trusts by itself, and a password in clear inside it, which is the token of IAM. Behind it is the tests' own server.

RDS asks IAM whether the signature is right and whether the role may connect. Here `secrets` are the secret keys that are
valid now, by access key, and the signature is computed anew from them, by hand; where there are none only the form and
the time are checked.
"""

import hashlib
import hmac
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg import conninfo, pq

_SSL_REQUEST = 80877103
_TOLD = ("server_version", "server_encoding", "client_encoding", "TimeZone", "DateStyle", "integer_datetimes",
         "standard_conforming_strings", "in_hot_standby", "IntervalStyle", "application_name")  # fmt: skip


@dataclass
class Front:
    """`tokens` are those it was shown, in order, with the user whom each was for and what it thought of it."""

    port: int
    authority: Path
    tokens: list[tuple[str, str, str]] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)


@contextmanager
def front(
    directory: Path,
    backend_url: Callable[[str, str], str],
    secrets: dict[str, str],
    passwords: dict[str, str] | None = None,
) -> Iterator[Front]:
    """Listens on localhost. `backend_url(user, database)` is where a client that was let in ends up; `passwords` are
    those of the users who have one.
    """
    authority, chain, key = _certificates(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Front(listening.getsockname()[1], authority, secrets=secrets, passwords=passwords or {})

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=answer, args=[client], daemon=True).start()

        def answer(client: socket.socket) -> None:
            with client, suppress(OSError, EOFError):
                _answer(client, context, made, backend_url)

        threading.Thread(target=serve, daemon=True).start()
        yield made
        listening.shutdown(socket.SHUT_RDWR)


def _answer(
    raw: socket.socket,
    context: ssl.SSLContext,
    made: Front,
    backend_url: Callable[[str, str], str],
) -> None:
    length, code = struct.unpack("!ii", _exactly(raw, 8))
    if (length, code) != (8, _SSL_REQUEST):  # rds.force_ssl
        raw.sendall(_error("28000", "no pg_hba.conf entry for host, no encryption"))
        return
    raw.sendall(b"S")
    with context.wrap_socket(raw, server_side=True) as client:
        _serve(client, made, backend_url)


def _serve(
    client: ssl.SSLSocket,
    made: Front,
    backend_url: Callable[[str, str], str],
) -> None:
    startup = _exactly(client, struct.unpack("!i", _exactly(client, 4))[0] - 4)[4:]
    words = startup.rstrip(b"\0").decode().split("\0")
    asked = dict(zip(words[::2], words[1::2], strict=True))
    client.sendall(b"R" + struct.pack("!ii", 8, 3))
    _, size = struct.unpack("!ci", _exactly(client, 5))
    token = _exactly(client, size - 4).rstrip(b"\0").decode()
    password = made.passwords.get(asked["user"])
    if password is None:
        verdict = opinion(token, asked["user"], made.port, made.secrets)
    else:
        verdict = "good" if token == password else "another password"
    made.tokens.append((asked["user"], token, verdict))
    if verdict != "good":
        client.sendall(_error("28P01", f'PAM authentication failed for user "{asked["user"]}"'))
        return
    extra = {name: asked[name] for name in ("options", "application_name") if name in asked}
    behind = pq.PGconn.connect(
        conninfo.make_conninfo(backend_url(asked["user"], asked["database"]), sslmode="disable", **extra).encode()
    )
    if behind.status != pq.ConnStatus.OK:
        client.sendall(_error("08006", "the server behind is down"))
        return
    known = [(name, behind.parameter_status(name.encode())) for name in _TOLD]
    client.sendall(b"R" + struct.pack("!ii", 8, 0))
    for name, value in known:
        if value is not None:
            body = name.encode() + b"\0" + value + b"\0"
            client.sendall(b"S" + struct.pack("!i", len(body) + 4) + body)
    client.sendall(b"K" + struct.pack("!iii", 12, behind.backend_pid, 0) + b"Z" + struct.pack("!i", 5) + b"I")
    with socket.socket(fileno=os.dup(behind.socket)) as server:
        server.setblocking(True)
        _pass_on(client, server)
    behind.finish()


def _pass_on(client: ssl.SSLSocket, server: socket.socket) -> None:
    def back() -> None:
        with suppress(OSError):
            while found := server.recv(65536):
                client.sendall(found)

    thread = threading.Thread(target=back, daemon=True)
    thread.start()
    with suppress(OSError):
        while found := client.recv(65536):
            server.sendall(found)
    with suppress(OSError):
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def opinion(token: str, user: str, port: int, secrets: dict[str, str]) -> str:
    """What RDS thinks of a token: `good`, or why not."""
    address, _, query = token.partition("/?")
    parts = dict(parse_qsl(query, keep_blank_values=True))
    signature = parts.pop("X-Amz-Signature", "")
    if address != f"localhost:{port}" or parts.get("Action") != "connect":
        return "for another server"
    if parts.get("DBUser") != user:
        return "for another user"
    signed_at = datetime.strptime(parts["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if not datetime.now(UTC) - timedelta(seconds=int(parts["X-Amz-Expires"])) < signed_at:
        return "too old"
    key, day, region, service, last = parts["X-Amz-Credential"].split("/")
    if (service, last, int(parts["X-Amz-Expires"])) != ("rds-db", "aws4_request", 900):
        return "for another service"
    if not secrets:
        return "good" if signature else "not signed"
    canonical = "&".join(f"{quote(name, safe='')}={quote(value, safe='-_.~')}" for name, value in sorted(parts.items()))
    empty = hashlib.sha256(b"").hexdigest()
    request = f"GET\n/\n{canonical}\nhost:{address}\n\nhost\n{empty}"
    scope = f"{day}/{region}/{service}/{last}"
    text = f"AWS4-HMAC-SHA256\n{parts['X-Amz-Date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signing = f"AWS4{secrets.get(key, '')}".encode()
    for word in (day, region, service, last):
        signing = hmac.digest(signing, word.encode(), "sha256")
    right = hmac.digest(signing, text.encode(), "sha256").hex()
    return "good" if hmac.compare_digest(right, signature) else "signed by another"


def _error(state: str, text: str) -> bytes:
    body = b"".join(kind + value.encode() + b"\0" for kind, value in ((b"S", "FATAL"), (b"C", state), (b"M", text)))
    return b"E" + struct.pack("!i", len(body) + 5) + body + b"\0"


def _exactly(source: Any, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = source.recv(size - len(found))
        if not more:
            raise EOFError
        found += more
    return found


def _certificates(directory: Path) -> tuple[Path, Path, Path]:
    """An authority's certificate; that of a server called localhost, signed by it, and its key."""
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Not Amazon RDS Root CA")])
    now = datetime.now(UTC)

    def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
        )

    root = (
        certificate(authority, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        certificate(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")]), server_key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    paths = directory / "authority.pem", directory / "server.pem", directory / "server.key"
    paths[0].write_bytes(root.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(server.public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths
