"""Addresses of videos that CloudFront serves to whoever has one, for a few minutes.

CloudFront's form: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-signed-urls.html.
The keys are ECDSA P-256 and the hash SHA-256, which an address has to say (`Hash-Algorithm`): CloudFront takes it for
SHA-1 otherwise. botocore writes the policy; cryptography and botocore are imported by the first address that is signed.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.errors import Unavailable
from domain.videos import Playable, playlist_file, thumbnail_file, video_file
from infra import aws, settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

GOOD_FOR_S = 300
_KEPT_S = 300.0  # keys are looked up again after that: a new one signs within minutes, and nothing is started again


@dataclass(frozen=True, slots=True)
class Addresses:
    """Signed, good until `expires_at`. `below` is what a player adds to every address that the playlist names."""

    video: str
    thumbnail: str
    captions: str | None
    playlist: str | None
    below: str | None
    expires_at: datetime
    key_id: str


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    private: "EllipticCurvePrivateKey"


_known: list[tuple[float, _Key]] = []


def forget_keys() -> None:
    _known.clear()


def addresses(found: Playable, now: datetime | None = None) -> Addresses:
    """Of everything that belongs to a video. Raises Unavailable where there is no CDN, or no key."""
    try:
        key, at = _newest(), settings.cdn_url()
    except settings.SettingMissing as error:
        raise Unavailable(str(error)) from None
    until = ((now or datetime.now(UTC)) + timedelta(seconds=GOOD_FOR_S)).replace(microsecond=0)
    sign = _signer(key)
    playlist = below = None
    if found.hls:
        playlist = sign(f"{at}/{playlist_file(found.media_key)}", until, f"{at}/{found.media_key}/hls/*")
        below = playlist.partition("?")[2]
    return Addresses(
        video=sign(f"{at}/{video_file(found.media_key)}", until, None),
        thumbnail=sign(f"{at}/{thumbnail_file(found.media_key)}", until, None),
        captions=None if found.captions_key is None else sign(f"{at}/{found.captions_key}", until, None),
        playlist=playlist,
        below=below,
        expires_at=until,
        key_id=key.id,
    )


def _signer(key: _Key) -> Callable[[str, datetime, str | None], str]:
    """(address, until, resource): for the one address, or for all that `resource` with its `*` covers."""
    from botocore.signers import CloudFrontSigner  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    made: Any = CloudFrontSigner(key.id, lambda policy: key.private.sign(policy, ECDSA(SHA256())))

    def sign(address: str, until: datetime, resource: str | None) -> str:
        if resource is None:
            signed = made.generate_presigned_url(address, date_less_than=until)
        else:
            signed = made.generate_presigned_url(address, policy=made.build_policy(resource, until))
        return f"{signed}&Hash-Algorithm=SHA256"

    return sign


def _newest() -> _Key:
    """The key that signs: the first of the list. CloudFront's key group has the one before it as well."""
    if not _known or time.monotonic() - _known[0][0] > _KEPT_S:
        arn = settings.cdn_keys_arn()
        text = _kept(arn) if arn else _written(settings.cdn_keys_file())
        _known[:] = [(time.monotonic(), _read(text))]
    return _known[0][1]


def _read(text: str) -> _Key:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        newest = json.loads(text)["keys"][0]
        private = load_pem_private_key(newest["private_key"].encode(), None)
        key_id = newest["id"]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        raise Unavailable("the keys of the CDN cannot be read") from None
    if not isinstance(private, EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise Unavailable("the keys of the CDN are not ECDSA P-256")
    return _Key(key_id, private)


def _written(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        raise Unavailable("no keys of the CDN") from None


def _kept(arn: str) -> str:
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    config = Config(connect_timeout=2, read_timeout=3)
    client: Any = aws.client("secretsmanager", region_name=settings.queues().region, config=config)
    try:
        text: str = client.get_secret_value(SecretId=arn)["SecretString"]
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(type(error).__name__) from None
    return text
