"""Hand a letter to Amazon SES. botocore is imported by the first one.

SES knows no idempotency key. Whoever dies after SES has taken a letter, and before that is committed, sends it again:
between the two there is nothing but the commit. Nothing is ever lost for it.
"""

from functools import cache
from typing import Any

from domain.emails import Letter
from domain.jobs import Transient
from infra import aws, logs, settings

# About this letter; everything else (throttled, sending paused, sender not verified, down) may pass.
_REFUSED = frozenset({"BadRequestException", "InvalidParameterValue", "InvalidParameterException"})


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
    """The message id. Raises LetterRefused, or Transient for what may pass."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

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
