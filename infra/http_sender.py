"""Post a webhook to an address that somebody else has chosen: nowhere but to the internet, and never for long.

The guard owns the connection: the name is resolved once, every address it stands for is looked at, and the connection
goes to one of those, whatever the name says a moment later. TLS and the Host header still carry the name. No redirect
is followed, no body is unpacked, and nothing of an answer but its status is kept.
"""

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from domain.errors import WebhookUrlRefused
from domain.webhooks import is_public, refuse_url

CONNECT_S = 3.0
TOTAL_S = 10.0
_LINGER_S = 1.0  # for the rest of an answer, so that a polite receiver does not see its connection cut
_MOST_BYTES = 65_536
_GONE = 410

Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Posted:
    """`outcome`: `delivered` (2xx), `gone` (410), `status` (any other), or what kept it from having one: `url_refused`,
    `address_refused`, `dns`, `connection`, `tls`, `timeout`, `protocol`.
    """

    outcome: str
    status: int | None
    duration_ms: int


class _AddressRefused(Exception):
    """The name stands for an address inside."""


def resolve(host: str, port: int) -> list[str]:
    """Every address of a name, IPv4 first: functions on AWS have no IPv6 outside a VPC."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in sorted(found, key=lambda each: each[0] != socket.AF_INET)]


def post(
    url: str,
    headers: Mapping[str, str],
    content: bytes,
    *,
    allow_private: bool = False,
    resolve: Resolve = resolve,
    context: ssl.SSLContext | None = None,
    total_s: float = TOTAL_S,
) -> Posted:
    """Never raises for what the other side does. `context` None: the system's certificate authorities."""
    begun = time.monotonic()
    status, late = None, threading.Event()
    try:
        refuse_url(url, allow_private=allow_private)
        status = _post(url, headers, content, begun + total_s, late, allow_private, resolve, context)
        outcome = "delivered" if 200 <= status < 300 else "gone" if status == _GONE else "status"  # noqa: PLR2004
    except WebhookUrlRefused:
        outcome = "url_refused"
    except _AddressRefused:
        outcome = "address_refused"
    except (socket.gaierror, UnicodeError):
        outcome = "dns"
    except TimeoutError:
        outcome = "timeout"
    except ssl.SSLError:
        outcome = "timeout" if late.is_set() else "tls"
    except OSError:
        outcome = "timeout" if late.is_set() else "connection"
    except (HTTPException, ValueError):
        outcome = "timeout" if late.is_set() else "protocol"
    return Posted(outcome, status, round((time.monotonic() - begun) * 1000))


def _post(
    url: str,
    headers: Mapping[str, str],
    content: bytes,
    deadline: float,
    late: threading.Event,
    allow_private: bool,
    resolve: Resolve,
    context: ssl.SSLContext | None,
) -> int:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    addresses = resolve(host, port)
    # One address inside is one too many: whoever mixes them in wants us to come upon it.
    if not addresses or not (allow_private or all(map(is_public, addresses))):
        raise _AddressRefused
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    with (
        socket.create_connection((addresses[0], port), min(CONNECT_S, left_s)) as plain,
        _ended_at(deadline, plain, late),
    ):
        plain.settimeout(max(deadline - time.monotonic(), 0.001))
        wire: socket.socket = plain
        if secure:
            wire = (context or ssl.create_default_context()).wrap_socket(plain, server_hostname=host)
        connection = HTTPConnection(host, parts.port)
        connection.default_port = 443 if secure else 80
        connection.sock = wire
        with contextlib.closing(connection):
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, content, {**headers, "Connection": "close"})
            answer = connection.getresponse()
            if late.is_set():  # cut amid its head, which reads like an end of it
                raise TimeoutError
            status = answer.status
            # It has been heard; how the rest of it goes changes nothing.
            until = min(deadline, time.monotonic() + _LINGER_S)
            with (
                contextlib.closing(answer),
                contextlib.suppress(OSError, HTTPException, ValueError),
                _ended_at(until, wire, late),
            ):
                answer.read(_MOST_BYTES)
            return status


@contextmanager
def _ended_at(deadline: float, connection: socket.socket, late: threading.Event) -> Iterator[None]:
    """Cut it at the deadline, also under somebody who sends a byte a second: a timeout alone begins anew with each."""
    try:
        twin = socket.socket(fileno=os.dup(connection.fileno()))
    except OSError:  # it is closed already
        yield
        return

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(deadline - time.monotonic(), 0), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        twin.close()
