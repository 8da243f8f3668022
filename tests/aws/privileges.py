"""What functions really ask of AWS, by the emulator's CloudTrail, beside what their roles allow."""

import json
import re
from typing import Any

from tests.aws.cloud import BATCHES, Cloud
from tests.aws.stack import Stack

Rights = set[tuple[str, str]]
"""Function and action."""

# What CloudTrail calls a request, where IAM has another word.
_ACTIONS = {
    **{batch: action for action, batch in BATCHES.items()},
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:POST.s3": "s3:DeleteObject",  # of several at once
    "s3:HeadBucket": "s3:ListBucket",
    "ses:POST.ses": "ses:SendEmail",
}
_SERVICES = {"cognito": "cognito-idp", "cognito-idp": "cognito-idp", "ses_v2": "ses", "sesv2": "ses"}
# Everybody may ask these: botocore does not sign them, and no policy speaks of them.
_PUBLIC = re.compile(r"cognito-idp:(SignUp|ConfirmSignUp|ResendConfirmationCode|ForgotPassword|ConfirmForgotPassword"
                     r"|InitiateAuth|GetTokensFromRefreshToken|RevokeToken|GlobalSignOut)")  # fmt: skip
# Lambda, X-Ray and the drivers use these rights, and not by a request that names an action.
_NOT_OURS = re.compile(r"logs:.*|rds-db:connect|kms:.*|sqs:GetQueueAttributes")


def used(account: Cloud, may: Rights) -> Rights:
    """Every request carries the name of the function that sent it (AWS_SDK_UA_APP_ID).

    The emulator gives the fifty newest requests and has no next page: so it is asked for those of each name that a role
    allows, and for those of each service, for what none does.
    """
    names = {action.partition(":")[2] for _, action in may} | {event.partition(":")[2] for event in _ACTIONS}
    asked = [("EventName", each) for each in sorted(names)]
    seen, services = _seen(account, asked)
    more, _ = _seen(account, [("EventSource", each) for each in sorted(services)])
    return {(name, action) for name, action in seen | more if not _PUBLIC.fullmatch(action)}


def _seen(account: Cloud, attributes: list[tuple[str, str]]) -> tuple[Rights, set[str]]:
    """What functions asked for, and the services of all requests."""
    trail, found, services = account.client("cloudtrail"), set(), set()
    for key, value in attributes:
        wanted = {"AttributeKey": key, "AttributeValue": value}
        for each in trail.lookup_events(MaxResults=50, LookupAttributes=[wanted])["Events"]:
            told = json.loads(each["CloudTrailEvent"])
            services.add(told["eventSource"])
            sender = re.search(r"\bapp/(\w+)", told["userAgent"])
            if sender:
                found.add((sender[1], _action(told)))
    return found, services


def _action(told: dict[str, Any]) -> str:
    service = told["eventSource"].partition(".")[0]
    named = f"{_SERVICES.get(service, service)}:{told['eventName']}"
    return _ACTIONS.get(named, named)


def allowed(stack: Stack) -> Rights:
    """By the functions' own code: what Lambda does in their name, when it fetches messages, is left out."""
    rights = set()
    for name in stack.functions:
        fetched = stack.queues_of(name)
        for statement in stack.statements(name):
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            queues = {each["Fn::GetAtt"][0] for each in resources if isinstance(each, dict) and "Fn::GetAtt" in each}
            for action in actions:
                by_lambda = action in ("sqs:ReceiveMessage", "sqs:DeleteMessage") and queues and queues <= fetched
                if not _NOT_OURS.fullmatch(action) and not by_lambda:
                    rights.add((name, action))
    return rights
