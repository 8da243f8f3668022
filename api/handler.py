"""Lambda's entry: the application behind API Gateway's REST proxy events."""

from mangum import Mangum

from api import inline
from api.app import create_app

inline.install()
handler = Mangum(
    create_app(),
    lifespan="off",  # it would run around every invocation
    # Without problem+json here every error body would arrive base64-encoded.
    text_mime_types=["text/", "application/json", "application/problem+json"],
)
