"""E-mails of the local stack: the emulator keeps what its SES has taken, until it ends."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from infra.local import clients
from infra.local.errors import LocalStackError

_direct = build_opener(ProxyHandler({}))  # never through a proxy: it is on this machine


@dataclass(frozen=True)
class Mail:
    """`number` counts from 1, the oldest first."""

    number: int
    message_id: str
    sender: str
    to: str
    subject: str
    text: str
    html: str
    sent_at: datetime


def ensure_sender(endpoint: str, sender: str) -> None:
    """Makes SES take mail of the sender's domain, as somebody's DNS record does on AWS."""
    client = clients.ses(endpoint)
    domain = parseaddr(sender)[1].rpartition("@")[2]
    try:
        client.create_email_identity(EmailIdentity=domain)
    except client.exceptions.AlreadyExistsException:
        return


def mails(endpoint: str) -> list[Mail]:
    """All of them, the oldest first. Raises LocalStackError where the emulator does not answer."""
    try:
        with _direct.open(f"{endpoint}/_ministack/ses/messages", timeout=5) as answer:
            return list(_read(json.load(answer)["messages"]))
    except (URLError, OSError, ValueError):
        raise LocalStackError("the AWS emulator does not answer: see `ffp status`") from None


def _read(by_account: dict[str, list[dict[str, object]]]) -> Iterator[Mail]:
    found = sorted((each for of in by_account.values() for each in of), key=lambda each: float(str(each["Timestamp"])))
    for number, each in enumerate(found, 1):
        to = each["To"]
        yield Mail(
            number,
            str(each["MessageId"]),
            str(each["Source"]),
            ", ".join(map(str, to)) if isinstance(to, list) else str(to),
            str(each["Subject"]),
            str(each["BodyText"] or ""),
            str(each["BodyHtml"] or ""),
            datetime.fromtimestamp(float(str(each["Timestamp"])), UTC),
        )
