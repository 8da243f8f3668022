"""Free TCP ports on the loopback interface."""

import secrets
import socket

LOOPBACK = "127.0.0.1"
# Below the ports that systems give to outgoing connections, one of which could hold ours at the next start.
_CHOICE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen there now. A port in TIME_WAIT counts as free, as servers reuse those."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port(preferred: int | None = None) -> int:
    """The preferred port if it is free (so that addresses stay the same from run to run), or any other."""
    if preferred and is_free(preferred):
        return preferred
    while True:
        port = secrets.choice(_CHOICE)
        if is_free(port):
            return port
