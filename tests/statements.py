"""Counts what a process asks of PostgreSQL, on the wire: whatever the driver does, this is what the server got.

with Recorder(db.app_url) as recorder:
    monkeypatch.setenv("FFP_DATABASE_URL", recorder.url)
    ...
    with recorder.count() as asked:
        ...
    assert asked.round_trips == 2, asked
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_QUERY, _PARSE, _BIND, _SYNC = b"Q", b"P", b"B", b"S"
_COMMAND_COMPLETE, _ERROR = b"C", b"E"


@dataclass
class Asked:
    """`round_trips`: times the client asked for something to be done and waited. `statements`: what the server carried
    out, BEGIN and COMMIT included; a function call is one. Preparing a statement counts for nothing: it happens once a
    connection. `texts`: as they went over the wire, in order; a statement that was prepared before sends none. `sent`
    and `answered` are bytes.
    """

    round_trips: int = 0
    statements: int = 0
    sent: int = 0
    answered: int = 0
    texts: list[str] = field(default_factory=list)


class Recorder:
    """A proxy in front of one server. Connections that go elsewhere are not seen."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._server = socket.create_server(("127.0.0.1", 0))
        port = self._server.getsockname()[1]
        account = parts.netloc.rpartition("@")[0]
        # Without encryption, so that the first message is the one that the protocol says.
        self.url = f"{parts.scheme}://{account}@127.0.0.1:{port}{parts.path}?sslmode=disable&gssencmode=disable"
        self._asked = Asked()
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for end in self._ends:
            end.close()

    @contextmanager
    def count(self) -> Iterator[Asked]:
        """What is asked while the block runs. Connect before it: a sign-in counts as well."""
        with self._lock:
            self._asked = Asked()
        asked = self._asked
        yield asked
        with self._lock:
            self._asked = Asked()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            self._ends += [near, far]
            for source, sink, first in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pass_on, args=(source, sink, first), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, from_client: bool) -> None:
        waiting, untyped = b"", from_client  # a client's first message has a length, but no type
        bound = False
        try:
            while chunk := source.recv(1 << 16):
                waiting += chunk
                start = 0
                while (found := _message(waiting, start, untyped)) is not None:
                    kind, content, start = found
                    untyped = False
                    if from_client:
                        self._sent(kind, content, bound=bound)
                        bound = kind == _BIND or (bound and kind != _SYNC)
                    else:
                        self._answered(kind, content)
                waiting = waiting[start:]
                sink.sendall(chunk)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _sent(self, kind: bytes, content: bytes, *, bound: bool) -> None:
        with self._lock:
            self._asked.sent += len(content)
            if kind == _QUERY or (kind == _SYNC and bound):
                self._asked.round_trips += 1
            if kind in (_QUERY, _PARSE):
                text = content.partition(b"\0")[2] if kind == _PARSE else content
                self._asked.texts.append(" ".join(text.partition(b"\0")[0].decode().split()))

    def _answered(self, kind: bytes, content: bytes) -> None:
        with self._lock:
            self._asked.answered += len(content)
            self._asked.statements += kind in (_COMMAND_COMPLETE, _ERROR)


def _message(buffer: bytes, start: int, untyped: bool) -> tuple[bytes, bytes, int] | None:
    """The next whole message: type, content, where it ends."""
    head = start if untyped else start + 1
    if len(buffer) < head + 4:
        return None
    (length,) = struct.unpack_from("!I", buffer, head)
    end = head + length
    if len(buffer) < end:
        return None
    return buffer[start:head], buffer[head + 4 : end], end
