"""Lambda's entry: the application behind API Gateway's REST proxy events."""

import gc

gc.disable()  # what importing makes stays: looking through it again and again is a tenth of a cold start

from mangum import Mangum  # noqa: E402

from api import inline, sections  # noqa: E402
from api.app import create_app  # noqa: E402
from infra import snapshots, telemetry  # noqa: E402

inline.install()
telemetry.on_lambda()
_app = create_app()
snapshots.install(lambda: sections.load(_app))
handler = Mangum(
    _app,
    lifespan="off",  # it would run around every invocation
    # What is not listed here arrives base64-encoded.
    text_mime_types=["text/", "application/json", "application/problem+json", "application/fhir+json", "image/svg+xml"],
)
gc.freeze()
gc.enable()
