"""Signed addresses of videos, and the CDN of the local stack that opens them."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx2
import pytest

from domain.errors import Unavailable
from domain.videos import Playable
from infra import cdn
from infra.local import clients
from infra.local.buckets import VIDEOS
from infra.local.cdn import Origin, Refused, opened, server
from infra.local.cdn_keys import ensure_keys, private_file, public_file, rotate
from infra.local.ports import free_port
from tests import cluster

AT = "http://cdn.example"
NOW = datetime(2026, 11, 22, 12, 0, 0, 654_321, tzinfo=UTC)
VIDEO = UUID("019ab0c2-7c1e-7d43-9a51-0c9f6f3b2a10")
FOUND = Playable(
    VIDEO, "Squat", "en", "published", f"videos/{VIDEO}/1", True, f"videos/{VIDEO}/c/1.vtt", 6.0, 640, 360, None
)
CONTENT = bytes(range(256)) * 400  # 102,400 bytes
ORIGIN = "http://localhost:5173"


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    ensure_keys(tmp_path)
    monkeypatch.setenv("FFP_CDN_URL", AT)
    monkeypatch.setenv("FFP_CDN_KEYS_FILE", str(private_file(tmp_path)))
    cdn.forget_keys()
    yield tmp_path
    cdn.forget_keys()


def public(directory: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(public_file(directory).read_text())["keys"]
    return found


def opens(directory: Path, address: str, after_s: float = 0.0) -> bool:
    try:
        opened(address, public(directory), NOW.timestamp() + after_s)
    except Refused:
        return False
    return True


def test_an_address_is_good_for_five_minutes_and_for_itself(keys: Path) -> None:
    found = cdn.addresses(FOUND, NOW)
    assert found.captions is not None
    assert found.expires_at == datetime(2026, 11, 22, 12, 5, tzinfo=UTC)
    assert urlsplit(found.video).path == f"/videos/{VIDEO}/1/video.mp4"
    query = {name: values[0] for name, values in parse_qs(urlsplit(found.video).query).items()}
    assert query.keys() == {"Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm"}
    assert (query["Expires"], query["Hash-Algorithm"]) == (str(int(found.expires_at.timestamp())), "SHA256")
    assert query["Key-Pair-Id"] == found.key_id
    for address in (found.video, found.thumbnail, found.captions):
        assert opens(keys, address)
        assert opens(keys, address, 298)
        assert not opens(keys, address, 300)


def test_what_is_altered_or_of_another_key_opens_nothing(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    video = cdn.addresses(FOUND, NOW).video
    expires = str(int(NOW.timestamp()) + 300)
    signature = parse_qs(urlsplit(video).query)["Signature"][0]
    turned = signature[:20] + ("A" if signature[20] != "A" else "B") + signature[21:]
    altered = [
        video.replace(f"Expires={expires}", f"Expires={int(expires) + 3600}"),
        video.replace("/1/video.mp4", "/2/video.mp4"),
        video.replace("cdn.example", "other.example"),
        video.replace("http:", "https:"),
        video.replace(signature, turned),
        video.replace(signature, "not+base64!"),
        video.replace("&Hash-Algorithm=SHA256", ""),
        video.replace("SHA256", "SHA1"),
        video.replace("Key-Pair-Id=K", "Key-Pair-Id=X"),
        video + "&Expires=9999999999",
        video + "&more=1",
        video + "&Policy=e30_",
        video.partition("?")[0],
    ]
    assert opens(keys, video)
    assert [address for address in altered if opens(keys, address)] == []
    foreign = tmp_path_factory.mktemp("foreign")
    ensure_keys(foreign)
    assert not opens(foreign, video)
    [their_key] = public(foreign).values()
    forged = {next(iter(public(keys))): their_key}  # under the same id
    with pytest.raises(Refused):
        opened(video, forged, NOW.timestamp())


def test_a_playlist_s_policy_covers_its_parts_and_nothing_beside_them(keys: Path) -> None:
    found = cdn.addresses(FOUND, NOW)
    assert found.playlist is not None
    assert found.below is not None
    below = f"{AT}/videos/{VIDEO}/1/hls"
    policy = json.loads(base64.b64decode(parse_qs(found.below)["Policy"][0].replace("_", "=").replace("~", "/")))
    assert policy["Statement"][0]["Resource"] == f"{below}/*"
    assert opens(keys, found.playlist)
    assert opens(keys, f"{below}/640-003.ts?{found.below}")
    assert not opens(keys, f"{below}/640-003.ts?{found.below}", 301)
    assert not opens(keys, f"{AT}/videos/{VIDEO}/1/video.mp4?{found.below}")
    assert not opens(keys, f"{AT}/videos/{VIDEO}/2/hls/640-003.ts?{found.below}")


def test_the_newest_of_two_keys_signs_and_both_open(keys: Path) -> None:
    first = cdn.addresses(FOUND, NOW)
    rotate(keys)
    cdn.forget_keys()
    second = cdn.addresses(FOUND, NOW)
    assert first.key_id != second.key_id
    assert len(public(keys)) == 2
    assert opens(keys, first.video)
    assert opens(keys, second.video)
    rotate(keys)
    assert not opens(keys, first.video)
    assert opens(keys, second.video)
    assert private_file(keys).stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in public_file(keys).read_text()


@pytest.mark.parametrize("text", ["", "{}", '{"keys": []}', '{"keys": [{"id": "K", "private_key": "no"}]}', "[1]"])
def test_without_a_key_there_is_no_address(keys: Path, text: str) -> None:
    private_file(keys).write_text(text)
    with pytest.raises(Unavailable):
        cdn.addresses(FOUND, NOW)


# --- the server ---


@pytest.fixture
def served(keys: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., httpx2.Response]]:
    """Ask the CDN for the video, the key of another file, or an address as it is."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("FFP_CDN_URL", url)
    endpoint = cluster.emulator().url
    for name in ("video.mp4", "thumbnail.jpg"):
        clients.s3(endpoint).put_object(
            Bucket=VIDEOS, Key=f"{FOUND.media_key}/{name}", Body=CONTENT, ContentType="video/mp4"
        )
    running = server(port, Origin(url, endpoint, VIDEOS, frozenset({ORIGIN}), public_file(keys)))
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    with httpx2.Client(trust_env=False) as client:

        def ask(address: str | None = None, method: str = "GET", **headers: str) -> httpx2.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.request(method, address or cdn.addresses(FOUND).video, headers=named)

        yield ask
    running.shutdown()
    running.server_close()


Ask = Callable[..., httpx2.Response]


def test_a_player_gets_the_whole_or_the_range_it_asks_for(served: Ask) -> None:
    whole = served()
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] == "video/mp4"
    for asked, first, last in (("0-0", 0, 0), ("1000-1999", 1000, 1999), ("102300-", 102300, 102399), ("-5", 102395, 102399)):  # fmt: skip
        part = served(Range=f"bytes={asked}")
        assert (part.status_code, part.content) == (206, CONTENT[first : last + 1])
        assert part.headers["content-range"] == f"bytes {first}-{last}/102400"
    beyond = served(Range="bytes=102400-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */102400")
    assert served(Range="bytes=0-1,5-6").status_code == 200  # several at once: the whole
    assert served(Range="lines=1-2").status_code == 200


def test_head_tells_the_same_without_the_bytes(served: Ask) -> None:
    head, whole = served(method="HEAD"), served()
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "etag", "accept-ranges", "content-type"):
        assert head.headers[name] == whole.headers[name]
    assert served(If_None_Match=whole.headers["etag"]).status_code == 304
    assert served(If_Range=whole.headers["etag"], Range="bytes=0-9").status_code == 206
    assert served(If_Range='"another"', Range="bytes=0-9").status_code == 200


def test_it_serves_what_is_signed_to_the_web_application_and_nothing_else(served: Ask) -> None:
    found = cdn.addresses(FOUND)
    assert served(found.thumbnail).status_code == 200
    assert served(found.video.replace("video.mp4", "thumbnail.jpg")).status_code == 403
    assert served(found.video.partition("?")[0]).status_code == 403
    assert served(cdn.addresses(FOUND, datetime.now(UTC) - timedelta(seconds=301)).video).status_code == 403
    assert found.captions is not None
    assert served(found.captions).status_code == 403  # signed, but not there
    assert served(method="POST").status_code == 501
    ours = served(Origin=ORIGIN)
    assert ours.headers["access-control-allow-origin"] == ORIGIN
    assert "Content-Range" in ours.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in served(Origin="https://elsewhere.example").headers
    asked = served(method="OPTIONS", Origin=ORIGIN, Access_Control_Request_Headers="range")
    assert (asked.status_code, asked.headers["access-control-allow-headers"]) == (204, "Range, If-None-Match")
