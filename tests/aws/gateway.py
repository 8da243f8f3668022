"""The API as API Gateway is told about it, made from the application's own OpenAPI.

`python -m tests.aws.gateway` writes it into template.yaml; a test keeps the two equal.
"""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

from api import cors
from api.app import create_app
from api.errors import PROBLEMS, STATUS_OF, title_of
from api.middleware import SECURITY
from domain.errors import Unavailable
from tests.aws import shapes

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
# One of these is enough: what Cognito puts into the access token of who signs in with a password, and what its pages
# give for our API.
SCOPES = ["aws.cognito.signin.user.admin", "ffp/api"]
_BLOCK = re.compile(
    r"(?<=# Generated: python -m tests.aws.gateway\n).*?(?=^ *# Generated up to here\n)", re.DOTALL | re.MULTILINE
)
_ORIGIN = {"Fn::Sub": "'${WebOrigin}'"}  # one: what API Gateway answers by itself cannot depend on who asks
VALIDATOR = "shapes"
# API Gateway writes constants in single quotes and knows none inside: of our policy, the directive that needs none.
_SECURITY = SECURITY | {"Content-Security-Policy": "sandbox"}
BINARY = ["text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"]
_INDENT = " " * 8
_FUNCTION = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Alias}/invocations"
_USER_POOL = "arn:${AWS::Partition}:cognito-idp:${AWS::Region}:${AWS::AccountId}:userpool/${UserPoolId}"


def definition() -> dict[str, Any]:
    """OpenAPI 3.0 with API Gateway's extensions: every operation by its own path, each with or without a token."""
    app = create_app()
    ours = app.openapi()
    return {
        "openapi": "3.0.1",  # API Gateway reads no 3.1
        "info": {"title": app.title, "version": app.version},
        "x-amazon-apigateway-request-validators": {
            VALIDATOR: {"validateRequestParameters": True, "validateRequestBody": True}
        },
        "x-amazon-apigateway-request-validator": VALIDATOR,
        # What is not UTF-8 would be changed on its way: workbooks, and tables in the encodings of spreadsheets.
        "x-amazon-apigateway-binary-media-types": list(BINARY),
        "paths": {
            resource(path): {method: _operation(operation) for method, operation in operations.items()}
            | {"options": _preflight(operations)}
            for path, operations in ours["paths"].items()
        },
        "components": {
            "schemas": shapes.models(ours),
            "securitySchemes": {
                "AccessToken": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "x-amazon-apigateway-authtype": "cognito_user_pools",
                    "x-amazon-apigateway-authorizer": {
                        "type": "cognito_user_pools",
                        "providerARNs": [{"Fn::Sub": _USER_POOL}],
                    },
                }
            },
        },
        "x-amazon-apigateway-gateway-responses": _gateway_responses(),
    }


def resource(path: str) -> str:
    """The application's path as API Gateway can have it: a parameter is a whole segment, so `{token}.ics` is `{token}`.
    The application is handed the path as it came.
    """
    return re.sub(r"(?<=/)[^/{]*(\{\w+\})[^/]*", r"\1", path)


def _operation(ours: dict[str, Any]) -> dict[str, Any]:
    body = shapes.body(ours)
    success = next(status for status in ours["responses"] if status.startswith("2"))
    return {
        "operationId": ours["operationId"],
        "parameters": _in(ours, "path", "query"),
        **({"requestBody": body} if body else {}),
        "security": [{"AccessToken": list(SCOPES)}] if ours.get("security") else [],
        "responses": {success: {"description": ours["responses"][success]["description"]}},
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": {"Fn::Sub": [_FUNCTION, {"Alias": {"Ref": "ApiFunction.Alias"}}]},
        },
    }


def _preflight(operations: dict[str, Any]) -> dict[str, Any]:
    """What a browser asks before it calls from the web application: API Gateway answers by itself, nothing starts.

    Nobody sees this answer, so it has none of the headers that say what a page may do with one: there are 150 of it, and
    the template has an end.
    """
    headers = {
        "Access-Control-Allow-Methods": cors.METHODS,
        "Access-Control-Allow-Headers": cors.REQUEST_HEADERS,
        "Access-Control-Max-Age": str(cors.MAX_AGE_S),
        "Vary": "Origin",
    }
    names = ["Access-Control-Allow-Origin", *headers]
    given = {"method.response.header.Access-Control-Allow-Origin": _ORIGIN}
    given |= {f"method.response.header.{name}": f"'{value}'" for name, value in headers.items()}
    return {
        "parameters": _in(next(iter(operations.values())), "path"),
        "security": [],
        "responses": {
            "204": {
                "description": "What the web application may send",
                "headers": {name: {"schema": {"type": "string"}} for name in names},
            }
        },
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": '{"statusCode": 204}'},
            "responses": {"default": {"statusCode": "204", "responseParameters": given}},
        },
    }


def _in(ours: dict[str, Any], *places: str) -> list[dict[str, Any]]:
    """What a request cannot be without. Of a header the application itself says that it is missing, with a code that
    is that header's.
    """
    return [
        {"name": parameter["name"], "in": parameter["in"], "required": True, "schema": {"type": "string"}}
        for parameter in ours.get("parameters", [])
        if parameter["in"] in places and parameter.get("required")
    ]


def _gateway_responses() -> dict[str, Any]:
    """What API Gateway answers by itself, in the application's words: it never gets to see these requests."""
    # Not the application's detail, which says that nothing was changed: a cut-off request may have been done.
    detail = "The service cannot answer right now. Repeat the request, with the same Idempotency-Key where it has one."
    busy = (STATUS_OF[Unavailable], title_of(Unavailable.code), detail)
    return {
        "UNAUTHORIZED": _problem(
            "unauthenticated", *PROBLEMS["unauthenticated"], WWW_Authenticate='Bearer error="invalid_token"'
        ),
        # API Gateway's name for a path it does not know, or a known one with another method.
        "MISSING_AUTHENTICATION_TOKEN": _problem("no_such_route", *PROBLEMS["no_such_route"]),
        # It knows no place of what is wrong, and its own words for it have quotes that would break the JSON.
        "BAD_REQUEST_BODY": _problem(
            "invalid_request",
            *_invalid(
                "The body is not JSON, or has not the shape that the"
                " operation's schema gives: something is missing, or of another type."
            ),
        ),
        "BAD_REQUEST_PARAMETERS": _problem("invalid_request", *_invalid("A parameter of the query is missing.")),
        "REQUEST_TOO_LARGE": _problem("body_too_large", *PROBLEMS["body_too_large"]),
        # The function is at its concurrency, was too slow or is gone: all are worth another try.
        "DEFAULT_5XX": _problem(Unavailable.code, *busy, Retry_After="1"),
    }


def _invalid(detail: str) -> tuple[int, str, str]:
    status, title, _ = PROBLEMS["invalid_request"]
    return status, title, detail


def _problem(code: str, status: int, title: str, detail: str, **headers: str) -> dict[str, Any]:
    body = {
        "type": f"/v1/errors/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": "urn:request:$context.requestId",
        "code": code,
        "request_id": "$context.requestId",
        "errors": [],
    }
    fixed = {
        **_SECURITY,
        "Access-Control-Expose-Headers": cors.EXPOSED,
        "Vary": "Origin",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return {
        "statusCode": status,
        "responseParameters": {
            "gatewayresponse.header.X-Request-ID": "context.requestId",
            "gatewayresponse.header.Access-Control-Allow-Origin": _ORIGIN,
            **{f"gatewayresponse.header.{name}": f"'{value}'" for name, value in fixed.items()},
        },
        "responseTemplates": {"application/problem+json": json.dumps(body)},
    }


def written() -> str:
    """The block as template.yaml has it."""
    found = _BLOCK.search(TEMPLATE.read_text())
    return found[0] if found else ""


def rendered() -> str:
    """The block as it should be."""
    text: str = yaml.dump(definition(), sort_keys=False, default_flow_style=None, width=1000)
    return textwrap.indent(text, _INDENT)


if __name__ == "__main__":
    TEMPLATE.write_text(_BLOCK.sub(lambda _: rendered(), TEMPLATE.read_text()))
