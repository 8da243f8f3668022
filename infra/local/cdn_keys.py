"""The keys of the local stack's CDN, as the key group of a CloudFront distribution has them: two at the most.

The newest signs; the one before it still opens what it has signed. Private keys are for the API, public ones for the
CDN: as on AWS, it could not sign anything itself.
"""

import hashlib
from pathlib import Path
from typing import Any

from infra.local.files import read_json, write_private

_MOST = 2


def private_file(directory: Path) -> Path:
    """As the secret on AWS: `{"keys": [{"id", "private_key"}]}`, the newest first."""
    return directory / "cdn" / "keys.json"


def public_file(directory: Path) -> Path:
    """`{"keys": {id: public key as PEM}}`."""
    return directory / "cdn" / "public.json"


def ensure_keys(directory: Path) -> None:
    """Makes the first one where there is none."""
    if not read_json(private_file(directory)).get("keys") or not read_json(public_file(directory)).get("keys"):
        rotate(directory)


def rotate(directory: Path) -> str:
    """A new key signs, and the oldest opens nothing any more. Returns the new one's id. The public key is there first:
    nobody gets an address that the CDN does not know the key of.
    """
    key = _made()
    kept = [key, *read_json(private_file(directory)).get("keys", [])][:_MOST]
    write_private(public_file(directory), {"keys": {each["id"]: _public(each["private_key"]) for each in kept}})
    write_private(private_file(directory), {"keys": kept})
    key_id: str = key["id"]
    return key_id


def _made() -> dict[str, Any]:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - a tenth of a second, for the first start
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat  # noqa: PLC0415

    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    # CloudFront names public keys so, by random; here the name is the key's own.
    return {"id": f"K{hashlib.sha256(_public(pem).encode()).hexdigest()[:13].upper()}", "private_key": pem}


def _public(private_key: str) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key  # noqa: PLC0415

    public = load_pem_private_key(private_key.encode(), None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
