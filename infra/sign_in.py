"""How a process proves to PostgreSQL who it is where no password may lie about: on AWS, with an IAM token.

A URL with `sslmode=verify-full` and no password asks for it. RDS takes the token for a password, of a role that has
been granted rds_iam; it is signed here, with the credentials of the function's role, and nobody is asked. It is good
for fifteen minutes of connecting, and a connection outlives it: so every new connection gets one of its own.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from psycopg.conninfo import conninfo_to_dict

from domain.errors import Unavailable
from infra import aws, settings

if TYPE_CHECKING:
    from botocore.credentials import Credentials

# Of RDS, which no system trusts by itself, and of Amazon Trust Services, which signs for RDS Proxy.
AUTHORITIES: Final = Path(__file__).parent / "certificates" / "rds.pem"
TOKEN_S: Final = 900  # RDS takes none that is good for longer
_PORT: Final = "5432"


def parameters(url: str) -> dict[str, Any]:
    """What a new connection to `url` needs beyond it: for psycopg.connect, and never kept. Raises Unavailable where
    the process has no credentials.
    """
    parts = conninfo_to_dict(url)
    if parts.get("password") or parts.get("sslmode") != "verify-full":
        return {}
    token = _token(str(parts["host"]), str(parts.get("port") or _PORT), str(parts["user"]))
    return {"password": token} | ({} if "sslrootcert" in parts else {"sslrootcert": str(AUTHORITIES)})


def prepare() -> None:
    """Import what signing needs, so that a snapshot has it."""
    import botocore.auth  # noqa: PLC0415
    import botocore.awsrequest  # noqa: PLC0415
    import botocore.session  # noqa: F401, PLC0415


def forget() -> None:
    """Of the environment that made a snapshot: the one that continues has credentials of its own."""
    _credentials.cache_clear()


def administrator_url() -> str:
    """For the function that migrates: the password that RDS keeps in Secrets Manager, and changes each week, goes from
    there into this process and nowhere else. Without such a secret the URL stays as it is set.

    Raises SettingMissing, and Unavailable where the secret cannot be read.
    """
    url, secret = settings.admin_database_url(), settings.admin_credentials_arn()
    if secret is None:
        return url
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    checked = "sslmode=verify-full" in parts.query and "sslrootcert" not in parts.query
    query = f"{parts.query}&sslrootcert={quote(str(AUTHORITIES))}" if checked else parts.query
    password = quote(_kept_password(secret), safe="")
    return parts._replace(netloc=f"{parts.username}:{password}@{where}", query=query).geturl()


def _token(host: str, port: str, user: str) -> str:
    """The URL of the request `connect`, signed, without its scheme (RDS User Guide, "IAM database authentication")."""
    from botocore.auth import SigV4QueryAuth  # noqa: PLC0415 - botocore costs a third of a cold start
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    request: Any = AWSRequest("GET", f"https://{host}:{port}/", params={"Action": "connect", "DBUser": user})
    signer: Any = SigV4QueryAuth(_credentials().get_frozen_credentials(), "rds-db", settings.region(), expires=TOKEN_S)
    signer.add_auth(request)
    url: str = request.url
    return url.removeprefix("https://")


@cache
def _credentials() -> "Credentials":
    """Of the function's role. They renew themselves where they end."""
    import botocore.session  # noqa: PLC0415

    found = botocore.session.get_session().get_credentials()
    if found is None:
        raise Unavailable("no_credentials")
    return found


def _kept_password(arn: str) -> str:
    import json  # noqa: PLC0415

    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    config = Config(connect_timeout=3, read_timeout=5)
    client: Any = aws.client("secretsmanager", region_name=settings.region(), config=config)
    try:
        kept = client.get_secret_value(SecretId=arn)["SecretString"]
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(type(error).__name__) from None
    password: str = json.loads(kept)["password"]
    return password
