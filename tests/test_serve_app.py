from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from jamflow_rt.config import ServerConfig
from jamflow_rt.serve import sweeping
from jamflow_rt.serve.app import create_app, static_dir
from jamflow_rt.serve.auth import SCOPES, Grant
from jamflow_rt.serve.whep import MAX_OFFER
from tests.serve_fakes import FakeAvatar
from tests.test_serve_sweeping import dropped

SDP = {"content-type": "application/sdp"}


@pytest.fixture
def avatar() -> FakeAvatar:
    return FakeAvatar()


@pytest.fixture
def client(avatar: FakeAvatar) -> Iterator[TestClient]:
    app = create_app(avatar.as_avatar(), ServerConfig(), portraits=("mara", "noa"))
    with TestClient(app) as client:
        yield client


def refused(client: TestClient) -> dict[str, float]:
    """Sessions that were refused, by the reason, as /metrics tells them."""
    head = 'jamflow_sessions_refused_total{reason="'
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(head)]
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines}


def test_the_page_and_its_modules_are_served(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src" not in page.text
    for line in page.text.split('"'):
        if line.startswith("/static/"):
            part = client.get(line)
            assert part.status_code == 200, line
    module = client.get("/static/jamflow.js")
    assert "javascript" in module.headers["content-type"]
    assert module.headers["cache-control"] == "no-cache"
    assert module.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/static/../pyproject.toml", "/static/%2e%2e/x", "/none"])
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_every_shipped_file_is_there() -> None:
    names = {path.name for path in static_dir().iterdir()}
    assert {"index.html", "jamflow.js"} <= names


def test_health_tells_how_full_the_server_is(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "sessions": 0, "max_sessions": 4}


def test_health_tells_when_the_model_has_died(client: TestClient, avatar: FakeAvatar) -> None:
    avatar.alive = False
    health = client.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (503, "failed")


def test_ready_while_one_more_viewer_can_be_served(client: TestClient) -> None:
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize(
    "reason",
    [
        "The engine was closed.",
        "The engine thread died (MemoryError()). Restart the process.",
        "This machine is full: it could not serve 3 sessions that speak at once.",
    ],
)
def test_not_ready_says_why(client: TestClient, avatar: FakeAvatar, reason: str) -> None:
    avatar.obstacle = reason
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json() == {"status": "not ready", "reason": reason}
    # A full server is not a broken one.
    assert client.get("/healthz").status_code == 200


def test_not_ready_when_all_places_are_taken(
    avatar: FakeAvatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(avatar.as_avatar(), ServerConfig(max_sessions=2), portraits=("mara",))
    monkeypatch.setattr(type(app.state.reception), "__len__", lambda reception: 2)
    with TestClient(app) as client:
        ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["reason"] == "All 2 places of this server are taken."


@pytest.mark.parametrize("kind", ["application/json", "", "text/plain"])
def test_another_content_type_is_refused(client: TestClient, kind: str) -> None:
    answer = client.post("/whep", content=b"v=0", headers={"content-type": kind})
    assert answer.status_code == 415
    assert "application/sdp" in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"\xff\xfe",
        b"v=0\r\n",
        b"v=0\r\nm=audio\r\n",
        b"v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
        b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
        b"c=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtpmap:96 AV1/90000\r\n",
    ],
)
def test_a_bad_offer_is_refused_and_takes_no_place(
    client: TestClient, avatar: FakeAvatar, body: bytes
) -> None:
    answer = client.post("/whep", content=body, headers=SDP)
    assert answer.status_code == 400
    assert "SDP offer" in answer.text
    assert client.get("/healthz").json()["sessions"] == 0
    assert all(session.closed for session in avatar.sessions)


def test_a_bad_offer_counts_as_a_refusal(client: TestClient) -> None:
    client.post("/whep", content=b"hello", headers=SDP)
    assert refused(client) == {"input": 1}


def test_an_endless_offer_is_refused(client: TestClient) -> None:
    answer = client.post("/whep", content=b"x" * (MAX_OFFER + 1), headers=SDP)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("portrait=nobody", ("nobody", "mara", "noa")),
        ("portrait=../../etc/passwd", ("mara", "noa")),
        ("voice=bass", ("bass", "plain")),
    ],
)
def test_an_unknown_name_is_refused_naming_what_exists(
    client: TestClient, avatar: FakeAvatar, query: str, names: tuple[str, ...]
) -> None:
    answer = client.post(f"/whep?{query}", content=b"v=0", headers=SDP)
    assert answer.status_code == 400
    for name in names:
        assert name in answer.text
    assert avatar.sessions == []
    assert refused(client) == {"input": 1}


def test_deleting_what_is_not_there_is_404(client: TestClient) -> None:
    assert client.delete("/whep/nothing").status_code == 404
    assert client.get("/whep/nothing").status_code == 405


GRANT = Grant("somebody", SCOPES, None, "")


async def test_a_mounted_application_is_swept_while_its_lifespan_runs(
    avatar: FakeAvatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "PATIENCE", 0.01)
    jamflow = create_app(avatar.as_avatar(), ServerConfig(), portraits=("mara",))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with jamflow.router.lifespan_context(jamflow):
            yield

    outer = Starlette(routes=[Mount("/avatar", jamflow)], lifespan=lifespan)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://server")
    async with outer.router.lifespan_context(outer), http:
        assert gc.get_freeze_count() > 0
        session = await jamflow.state.reception.open(None, None, True, GRANT, "websocket")
        assert (await http.get("/avatar/healthz")).json()["sessions"] == 1
        assert (await http.get("/avatar/static/jamflow.js")).status_code == 200
        gc.disable()  # so that it is the sweeper who collects
        try:
            left = dropped()
            await session.aclose()
            async with asyncio.timeout(10):
                while left() is not None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()
    assert gc.get_freeze_count() == 0


async def test_a_mounted_application_whose_lifespan_does_not_run_says_so(
    avatar: FakeAvatar, caplog: pytest.LogCaptureFixture
) -> None:
    jamflow = create_app(avatar.as_avatar(), ServerConfig(), portraits=("mara",))
    outer = Starlette(routes=[Mount("/avatar", jamflow)])
    async with outer.router.lifespan_context(outer):
        for _ in range(2):
            session = await jamflow.state.reception.open(None, None, True, GRANT, "websocket")
            await session.aclose()
    assert caplog.text.count("create_app") == 1
