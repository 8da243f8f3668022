"""Hand a letter to Amazon SES. botocore is imported by the first one.

SES knows no idempotency key. Whoever dies after SES has taken a letter, and before that is committed, sends it again:
between the two there is nothing but the commit. Nothing is ever lost for it.
"""

import threading
import time
from functools import cache
from typing import Any

from domain.emails import Letter
from domain.jobs import Transient
from infra import aws, logs, settings

# About this letter; everything else (throttled, sending paused, sender not verified, down) may pass.
_REFUSED = frozenset({"BadRequestException", "InvalidParameterValue", "InvalidParameterException"})


_lock = threading.Lock()
_free_at = 0.0  # when the next letter may go; the turns of the last second can be made up


class LetterRefused(Exception):
    """SES takes no mail for this address."""


@cache
def client() -> Any:
    from botocore.config import Config  # noqa: PLC0415

    mail = settings.mail()
    return aws.client(
        "sesv2",
        region_name=mail.region,
        endpoint_url=mail.endpoint_url,
        # The queue repeats what fails here. A second try of botocore's could send twice.
        # Its endpoint in the network has the plain name, whatever the other services are asked by (docs/adr/0013).
        config=Config(
            connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1}, use_dualstack_endpoint=False
        ),
    )


def send(letter: Letter) -> str:
    """The message id. Waits for its turn. Raises LetterRefused, or Transient for what may pass."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    _wait()
    try:
        answer = client().send_email(
            FromEmailAddress=settings.mail().sender,
            Destination={"ToAddresses": [letter.address]},
            Content={
                "Simple": {
                    "Subject": {"Data": letter.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": letter.text, "Charset": "UTF-8"},
                        "Html": {"Data": letter.html, "Charset": "UTF-8"},
                    },
                }
            },
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _REFUSED:
            raise LetterRefused from None
        logs.warning("mail_unavailable", error=code)
        raise Transient("mail_unavailable") from None
    except BotoCoreError as error:
        logs.warning("mail_unavailable", error=type(error).__name__)
        raise Transient("mail_unavailable") from None
    message_id: str = answer["MessageId"]
    return message_id


def _wait() -> None:
    """SES refuses what comes faster than it allows an account (14 a second, unless it was asked for more), and a letter
    that was refused five times is dead: the e-mails of an import are tens of thousands.
    """
    global _free_at  # noqa: PLW0603 - one of a process, as SES's limit is one of an account
    with _lock:
        now = time.monotonic()
        _free_at = max(_free_at, now - 1) + 1 / settings.mail_per_s()
        wait = _free_at - now
    time.sleep(max(0.0, wait))
