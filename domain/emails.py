"""What FFP writes to people by e-mail. No text says anything of anybody's health: who may read a mailbox is not ours to
know. `params` name a business, a person's name, a role or a day, and nothing else.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from uuid import UUID

LANGUAGE = "en"
# A name that somebody chose must not fill a mailbox, nor break a line of a header.
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Text:
    """`path` is of the web application, for the one link; `$name` stands for a param."""

    subject: str
    paragraphs: tuple[str, ...]
    button: str
    path: str


@dataclass(frozen=True, slots=True)
class Email:
    """A row of `emails`. `wanted`: its addressee still is of the tenant and has not asked to be spared this kind."""

    id: UUID
    address: str
    kind: str
    params: dict[str, str]
    status: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Letter:
    """Ready to be sent: the same words as plain text and as HTML."""

    address: str
    subject: str
    text: str
    html: str


TEXTS: dict[str, dict[str, Text]] = {
    "en": {
        "invitation": Text(
            "$business invites you to FFP",
            (
                "$inviter invites you to join $business on FFP. Your role there: $role.",
                "The link is yours alone and works until $until. If you did not expect this, ignore it.",
            ),
            "Accept the invitation",
            "/accept?token=$token",
        ),
        "program_ready": Text(
            "Your program is ready",
            ("A new exercise program is ready for you. Sign in to see it.",),
            "See the program",
            "/programs/$subject",
        ),
        "referral": Text(
            "A result waits to be read",
            ("An assessment has a result that should be read before any exercise. Sign in to read it.",),
            "Read the result",
            "/assessments/$subject/result",
        ),
        "program_to_review": Text(
            "A program waits for review",
            ("A new program waits for a clinician to approve, edit or reject it. Sign in to review it.",),
            "Review the program",
            "/reviews/$subject",
        ),
        "program_paused": Text(
            "A message about a program",
            ("Something in FFP should be read before any more exercise. Sign in to read it.",),
            "Open the program",
            "/programs/$subject",
        ),
        "program_resumed": Text(
            "A program can be gone on with",
            ("An exercise program can be gone on with. Sign in to see it.",),
            "See the program",
            "/programs/$subject",
        ),
        "reassessment_due": Text(
            "A new assessment is due",
            ("It is time for a new assessment. Sign in to begin it.",),
            "Open the program",
            "/programs/$subject",
        ),
        "session_due": Text(
            "A session is planned for today",
            ("A session of your exercise program is planned for today. Sign in to begin it.",),
            "Open the session",
            "/sessions/$subject",
        ),
        "fewer_days_offered": Text(
            "Would fewer days suit better?",
            ("If the days of your program do not suit you, a new assessment can plan fewer of them.",),
            "Open the program",
            "/programs/$subject",
        ),
        "adaptation_to_review": Text(
            "A change of a program waits for review",
            ("A change of a program waits for a clinician to accept or decline it. Sign in to review it.",),
            "Open the queue",
            "/reviews",
        ),
        "account_exists": Text(
            "You have an FFP account already",
            (
                "Somebody asked for a new FFP account with this e-mail address, which has one already.",
                "If it was you, sign in, or choose a new password if you have forgotten yours. If not, ignore this.",
            ),
            "Sign in",
            "/login",
        ),
        "role_changed": Text(
            "Your role at $business has changed",
            ("Your role at $business is now $role.",),
            "Open FFP",
            "/",
        ),
        "removed": Text(
            "You are not a member of $business any more",
            ("Your membership of $business on FFP has ended. Ask them if you think this is a mistake.",),
            "Open FFP",
            "/",
        ),
        "export_ready": Text(
            "Your export is ready",
            ("The copy of your data that you asked for is ready. Sign in to download it.",),
            "Download it",
            "/account/exports",
        ),
        "erasure_scheduled": Text(
            "Your account will be erased",
            (
                "As you asked, your account and your data will be erased on $until.",
                "You cannot sign in until then, but you can take it back. If you did not ask for this, do so now.",
            ),
            "Take it back",
            "/keep?token=$token",
        ),
        "webhook_disabled": Text(
            "A webhook was disabled",
            (
                "A receiver of your webhooks is gone or has failed for five days, so nothing is sent to it any more.",
                "Once it works again, enable the webhook and replay what is missing.",
            ),
            "See the webhook",
            "/business/webhooks/$subject",
        ),
        "import_finished": Text(
            "An import has finished",
            ("An import that you started has finished. Sign in to see what it did.",),
            "See the import",
            "/imports/$subject",
        ),
        "bulk_action_finished": Text(
            "A bulk action has finished",
            ("Something that you started for several members has finished. Sign in to see what it did.",),
            "See what it did",
            "/bulk-actions/$subject",
        ),
        "assessment_due": Text(
            "An assessment waits for you",
            ("You have been asked to fill in an assessment. Sign in to begin it.",),
            "Begin the assessment",
            "/assessments/$subject",
        ),
    }
}
KINDS = frozenset(TEXTS[LANGUAGE])
# What a person may choose not to get; the rest is about their account.
OPTIONAL = (
    "program_ready",
    "referral",
    "program_to_review",
    "import_finished",
    "bulk_action_finished",
    "assessment_due",
    "session_due",
    "reassessment_due",
    "fewer_days_offered",
    "adaptation_to_review",
)

ROLES = {
    "business_owner": "owner",
    "business_admin": "administrator",
    "clinician": "clinician",
    "member": "member",
}


def letter(address: str, kind: str, params: Mapping[str, str], web_url: str, language: str = LANGUAGE) -> Letter:
    """`web_url` is where the web application is, without a slash at its end. Raises KeyError for a param that the text
    needs and did not get.
    """
    text = TEXTS[language][kind]
    values = {name: _plain(value) for name, value in params.items()}
    subject = Template(text.subject).substitute(values)
    paragraphs = [Template(each).substitute(values) for each in text.paragraphs]
    link = web_url + Template(text.path).substitute(values)
    body = "".join(f"<p>{html.escape(each)}</p>" for each in paragraphs)
    return Letter(
        address,
        subject,
        "\n\n".join([*paragraphs, f"{text.button}: {link}"]) + "\n",
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{html.escape(subject)}</title></head>"
        f'<body>{body}<p><a href="{html.escape(link)}">{html.escape(text.button)}</a></p></body></html>',
    )


def _plain(value: str) -> str:
    """One line of printable characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in value).split())[:_LONGEST]
