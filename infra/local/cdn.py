"""A stand-in for CloudFront in front of the emulated S3: it serves what is signed, in ranges, and nothing else.

`python -m infra.local.cdn --port ... ` is a part of the local stack. It knows public keys alone.
"""

import argparse
import base64
import json
import re
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from infra.local import clients
from infra.local.files import read_json
from infra.local.ports import LOOPBACK

_SERVED = "videos/"  # of the bucket; uploads are nobody's to read
_SIGNING = ("Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm")
_RANGE = re.compile(r"bytes=(?:\d+-\d*|-\d+)")  # one; several at once are answered with the whole
_CHUNK = 64 * 1024
_EXPOSED = "Accept-Ranges, Content-Length, Content-Range, ETag"


class Refused(Exception):
    """The address opens nothing: not signed, not by a key of the group, altered, for something else, or too old."""


def opened(address: str, keys: Mapping[str, str], now: float) -> None:
    """Raises Refused unless this whole address was signed by one of the keys (id -> public key as PEM) and is not over
    at `now` (seconds since 1970). What CloudFront checks, in its own form.
    """
    parts = urlsplit(address)
    query = parse_qsl(parts.query, keep_blank_values=True)
    given = dict(query)
    rest = [(name, value) for name, value in query if name not in _SIGNING]
    resource = f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{urlencode(rest)}" if rest else "")
    if (
        len(given) != len(query)
        or given.get("Hash-Algorithm") != "SHA256"
        or ("Policy" in given) == ("Expires" in given)
    ):
        raise Refused
    if given.get("Key-Pair-Id") not in keys:
        raise Refused
    signed = _bytes(given["Policy"]) if "Policy" in given else _canned(resource, given["Expires"])
    try:
        _key(keys[given["Key-Pair-Id"]]).verify(_bytes(given.get("Signature", "")), signed, ECDSA(SHA256()))
        [statement] = json.loads(signed)["Statement"]
        until, what = statement["Condition"]["DateLessThan"]["AWS:EpochTime"], statement["Resource"]
    except (InvalidSignature, ValueError, KeyError, TypeError):
        raise Refused from None
    if now >= until or not _covers(what, resource):
        raise Refused


def _canned(resource: str, expires: str) -> bytes:
    if not expires.isdecimal():
        raise Refused
    condition = {"DateLessThan": {"AWS:EpochTime": int(expires)}}
    policy = {"Statement": [{"Resource": resource, "Condition": condition}]}
    return json.dumps(policy, separators=(",", ":")).encode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "=").replace("~", "/"), validate=True)
    except ValueError:
        raise Refused from None


def _key(pem: str) -> EllipticCurvePublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, EllipticCurvePublicKey):
        raise Refused
    return key


def _covers(pattern: str, resource: str) -> bool:
    """`*` stands for any characters, `?` for one."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), resource, re.DOTALL) is not None


@dataclass(frozen=True)
class Origin:
    """Where the CDN is (`url`), what it serves from, whose scripts may read it, and where its public keys are written:
    they are read again for every request, so a new key opens at once.
    """

    url: str
    endpoint: str
    bucket: str
    origins: frozenset[str]
    keys: Path

    @cached_property
    def files(self) -> Any:
        return clients.s3(self.endpoint)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "ffp-cdn", ""
    timeout = 60
    origin: Origin

    def do_GET(self) -> None:
        key = self._allowed()
        if key is None:
            return
        asked: dict[str, Any] = {"Bucket": self.origin.bucket, "Key": key}
        wanted, known = self.headers.get("Range", ""), self.headers.get("If-None-Match")
        try:
            if _RANGE.fullmatch(wanted) and self._still(asked):
                asked["Range"] = wanted
            if known:
                asked["IfNoneMatch"] = known
            found = self.origin.files.get_object(**asked)
        except ClientError as error:
            self._not(error)
            return
        except BotoCoreError:
            self._answer(502)
            return
        with closing(found["Body"]) as body:
            self._head(206 if "ContentRange" in found else 200, found)
            for chunk in body.iter_chunks(_CHUNK):
                self.wfile.write(chunk)

    def do_HEAD(self) -> None:
        key = self._allowed()
        if key is None:
            return
        try:
            self._head(200, self.origin.files.head_object(Bucket=self.origin.bucket, Key=key))
        except ClientError as error:
            self._not(error)
        except BotoCoreError:
            self._answer(502)

    def do_OPTIONS(self) -> None:
        """A browser asks before it sends a header that is not on its list."""
        allowed = {"Access-Control-Allow-Methods": "GET, HEAD", "Access-Control-Allow-Headers": "Range, If-None-Match"}
        self._answer(204, {**allowed, "Access-Control-Max-Age": "600"})

    def _allowed(self) -> str | None:
        """The key of the file that the request may have; None where it has been answered already."""
        try:
            opened(f"{self.origin.url}{self.path}", read_json(self.origin.keys).get("keys", {}), time.time())
        except Refused:
            self._answer(403)
            return None
        key = unquote(urlsplit(self.path).path).removeprefix("/")
        if key.startswith(_SERVED):
            return key
        self._answer(403)
        return None

    def _still(self, asked: Mapping[str, Any]) -> bool:
        """Whether the range is of the file that the client has begun with."""
        begun = self.headers.get("If-Range")
        return begun is None or bool(self.origin.files.head_object(**asked)["ETag"] == begun)

    def _not(self, error: ClientError) -> None:
        answer = error.response["ResponseMetadata"]
        status = answer["HTTPStatusCode"]
        if status == 416:  # noqa: PLR2004
            self._answer(416, {"Content-Range": answer["HTTPHeaders"].get("content-range", "bytes */*")})
        else:
            # What is not there is not told from what is not allowed, as S3 does behind CloudFront.
            self._answer(status if status == 304 else 403 if status in (403, 404) else 502)  # noqa: PLR2004

    def _head(self, status: int, found: Mapping[str, Any]) -> None:
        headers = {
            "Content-Type": found["ContentType"],
            "Content-Length": str(found["ContentLength"]),
            "ETag": found["ETag"],
            "Accept-Ranges": "bytes",
        }
        for name, field in (("Content-Range", "ContentRange"), ("Cache-Control", "CacheControl")):
            if field in found:
                headers[name] = found[field]
        self._send(status, headers)

    def _answer(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        """Without a body."""
        length = {} if status in (204, 304) else {"Content-Length": "0"}
        self._send(status, {**length, "Cache-Control": "no-store", **(headers or {})})

    def _send(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        asker = self.headers.get("Origin")
        if asker in self.origin.origins:
            headers = {**headers, "Access-Control-Allow-Origin": asker, "Access-Control-Expose-Headers": _EXPOSED}
        for name, value in {**headers, "Vary": "Origin", "X-Content-Type-Options": "nosniff"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Addresses open things: none is written down."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A player that has seen enough hangs up."""


def server(port: int, origin: Origin) -> ThreadingHTTPServer:
    return _Server((LOOPBACK, port), type("Handler", (_Handler,), {"origin": origin}))


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--port", type=int, required=True)
    for name in ("endpoint", "bucket", "keys"):
        asked.add_argument(f"--{name}", required=True)
    asked.add_argument("--origins", default="")
    given = asked.parse_args()
    url = f"http://{LOOPBACK}:{given.port}"
    origins = frozenset(filter(None, given.origins.split(",")))
    server(given.port, Origin(url, given.endpoint, given.bucket, origins, Path(given.keys))).serve_forever()


if __name__ == "__main__":
    main()
