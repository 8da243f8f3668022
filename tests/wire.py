"""A TCP proxy between a process under test and what it talks to, which can hold a message and cut a connection.

    with Wire("127.0.0.1", 5432) as wire:
        hold = wire.hold(b"app.finish_scoring", "before")   # the statement arrives and waits here
        ...
        hold.reached.wait(10)

`before`: what the process sent has not reached the other side. `after`: it has, and the reply waits here.
"""

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

Side = Literal["before", "after"]


@dataclass
class Hold:
    pattern: bytes
    side: Side
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        self.released.set()


class Wire:
    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._holds: list[Hold] = []
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._closed = False
        self._refusing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._server.close()
        for hold in self._holds:
            hold.release()
        self.cut()

    def hold(self, pattern: bytes, side: Side) -> Hold:
        made = Hold(pattern, side)
        self._holds.append(made)
        return made

    def refuse(self, refuse: bool) -> None:
        """Break what there is and take nothing new, until told otherwise."""
        self._refusing = refuse
        if refuse:
            self.cut()

    def cut(self) -> None:
        """Break every connection, in the middle of whatever goes on."""
        for pair in self._pairs:
            for end in pair:
                _break(end)
        self._pairs.clear()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._server.accept()
                if self._refusing:
                    _break(near)
                    continue
                far = socket.create_connection(self._target)
            except OSError:
                continue
            self._pairs.append((near, far))
            replies = threading.Event()  # set while replies may pass
            replies.set()
            threading.Thread(target=self._forward, args=(near, far, replies), daemon=True).start()
            threading.Thread(target=self._return, args=(far, near, replies), daemon=True).start()

    def _forward(self, near: socket.socket, far: socket.socket, replies: threading.Event) -> None:
        try:
            while chunk := near.recv(1 << 16):
                hold = next((h for h in self._holds if not h.reached.is_set() and h.pattern in chunk), None)
                if hold is not None and hold.side == "before":
                    hold.reached.set()
                    hold.released.wait()
                elif hold is not None:
                    replies.clear()
                far.sendall(chunk)
                if hold is not None and hold.side == "after":
                    threading.Thread(target=self._let_go, args=(hold, replies), daemon=True).start()
        except OSError:
            pass
        finally:
            _break(near)
            _break(far)

    @staticmethod
    def _let_go(hold: Hold, replies: threading.Event) -> None:
        hold.released.wait()
        replies.set()

    def _return(self, far: socket.socket, near: socket.socket, replies: threading.Event) -> None:
        try:
            while chunk := far.recv(1 << 16):
                if not replies.is_set():
                    # The other side has answered, so what was asked is done.
                    for hold in self._holds:
                        if hold.side == "after" and not hold.released.is_set():
                            hold.reached.set()
                    replies.wait()
                near.sendall(chunk)
        except OSError:
            pass
        finally:
            _break(near)
            _break(far)


def _break(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
