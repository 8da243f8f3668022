"""How soon a connection to PostgreSQL notices that its server is gone without a goodbye: a host that failed over, a
network that drops what it is sent. Without this, libpq waits for as long as the system does: a quarter of an hour for
what was sent, two hours for an answer or a notification.
"""

from typing import Any, Final

# libpq's names. An answer that is due: at most 5 + 3 * 3 s without a sign of life of the other host, whose system (not
# whose PostgreSQL) is asked. What nobody takes: 10 s, in milliseconds. Less than an answer of the API may take.
KEEPALIVE: Final[dict[str, Any]] = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
