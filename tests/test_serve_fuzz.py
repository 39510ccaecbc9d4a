"""The whole server against what nobody should send: it answers, and is none the worse for it."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosed

from jamflow_rt.config import ServerConfig
from jamflow_rt.serve.app import create_app
from jamflow_rt.serve.socket_viewer import MAX_MESSAGE
from jamflow_rt.serve.trickle import FRAGMENT
from jamflow_rt.serve.whep import SDP
from tests.damage import ODD, damaged, damaged_fragment, damaged_media, damaged_offer
from tests.sdp_examples import OFFER_LINES
from tests.serve_fakes import FakeAvatar
from tests.socket_fakes import Client, Server, client, serving

MESSAGES = 20
"""Of one client: what one leaves behind the next one meets."""
SECONDS = 30
"""Within which a client of the socket gets its answers; on a quiet machine they take 0.05."""
PATHS = (
    *("/", "/healthz", "/readyz", "/metrics", "/whep", "/whep/nobody", "/v1/sessions"),
    *("/v1/realtime", "/v1/portraits", "/v1/portraits/mara", "/v1/motion-space"),
    *(
        "/static/demo.js",
        "/static/../app.py",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static//etc/passwd",
    ),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
HEADERS = (
    *("accept", "accept-encoding", "authorization", "content-encoding", "content-type", "cookie"),
    *("if-match", "if-none-match", "if-modified-since", "range", "origin", "host"),
    *("sec-websocket-protocol", "upgrade", "connection", "x-forwarded-for", "expect"),
)
SEEDS = st.integers(0, 2**32 - 1)
TEXTS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40)


class Errors(logging.Handler):
    """What a crash behind an answer leaves in the log: asyncio and the server report it there."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = self.format(record)
        # When a viewer ends while it connects, aiortc may go on to its next transport, which is
        # closed: nothing comes of it.
        if not message.endswith("InvalidStateError: RTCIceTransport is closed"):
            self.messages.append(message)


@pytest.fixture(scope="module", autouse=True)
def errors() -> Iterator[None]:
    handler = Errors()
    for name in ("asyncio", "jamflow_rt", "uvicorn.error"):
        logging.getLogger(name).addHandler(handler)
    yield
    for name in ("asyncio", "jamflow_rt", "uvicorn.error"):
        logging.getLogger(name).removeHandler(handler)
    assert handler.messages == []


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[TestClient]:
    """The application; whatever it has met, in the end it is well and nobody is left in it."""
    app = create_app(FakeAvatar().as_avatar(), ServerConfig(), portraits=("mara",))
    with TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False) as client:
        yield client
        health = client.get("/healthz")
        assert (health.status_code, health.json()["sessions"]) == (200, 0)
        assert offer(client, "\r\n".join([*OFFER_LINES, ""]).encode()) == 201


def offer(client: TestClient, body: bytes, query: str = "", kind: str = SDP) -> int:
    """The status of an offer; if it is accepted, candidates follow, and the end."""
    answer = client.post(
        f"/whep{query}", content=body, headers={"content-type": kind.encode("latin-1")}
    )
    if answer.status_code == 201:
        assert SessionDescription.parse(answer.text).media
        where = answer.headers["location"]
        chance = random.Random(body)
        headers = {"content-type": FRAGMENT, "if-match": chance.choice(["*", '"x"', "", '*, "'])}
        patched = client.patch(where, content=damaged_fragment(chance), headers=headers)
        assert patched.status_code in (204, 400, 412, 413, 422), patched.text
        assert client.delete(where).status_code == 200
    return answer.status_code


@given(SEEDS)
def test_whatever_is_offered(fuzzed: TestClient, seed: int) -> None:
    assert offer(fuzzed, damaged_offer(random.Random(seed))) in (201, 400, 413)


@given(st.text(max_size=200) | st.lists(st.sampled_from(OFFER_LINES), max_size=30).map("\n".join))
@example("\r\n".join([*OFFER_LINES * 50]))
def test_no_text_is_offered_in_vain(fuzzed: TestClient, text: str) -> None:
    assert offer(fuzzed, text.encode("utf-8", "surrogatepass")) in (201, 400, 413)


@given(st.dictionaries(st.sampled_from(["portrait", "voice", "media", "x"]), st.text()), TEXTS)
@example({"portrait": "../../../etc/passwd"}, SDP)
@example({"portrait": "mara", "voice": "plain"}, "Application/SDP; charset=utf-8")
def test_whoever_is_asked_for(fuzzed: TestClient, query: dict[str, str], kind: str) -> None:
    asked = "?" + urlencode(query, errors="surrogatepass")
    body = "\r\n".join([*OFFER_LINES, ""]).encode()
    known = query.get("portrait", "mara") == "mara" and query.get("voice", "plain") == "plain"
    assert offer(fuzzed, body, asked) == (201 if known else 400)
    assert offer(fuzzed, body, asked, kind.strip()) in (201, 400, 415)


@given(
    st.sampled_from(METHODS),
    st.sampled_from(PATHS) | st.text().map(lambda text: "/" + quote(text, errors="replace")),
    st.dictionaries(st.sampled_from(HEADERS), TEXTS, max_size=4),
    st.binary(max_size=100) | st.sampled_from(ODD).map(lambda odd: json.dumps(odd).encode()),
)
def test_whatever_is_requested(
    fuzzed: TestClient, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = fuzzed.request(method, path, content=body, headers=sent)
    assert answer.status_code < 500, answer.text
    assert "Traceback" not in answer.text


class Background:
    """A server on a real socket, in a loop of its own: examples are functions and share it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.server: Server | None = None
        self._end = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self.loop.run_until_complete, args=[self._serve()])
        self._thread.start()

    async def _serve(self) -> None:
        async with serving(max_sessions=2) as self.server:
            self._ready.set()
            await self._end.wait()

    def run(self, work: Any) -> Any:
        assert self._ready.wait(SECONDS)
        return asyncio.run_coroutine_threadsafe(work(self.server), self.loop).result(SECONDS)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self.loop.close()


@pytest.fixture(scope="module")
def background() -> Iterator[Background]:
    running = Background()
    yield running
    running.close()


async def answered(one: Client, name: str) -> None:
    """Wait for the answer to an event that cannot be done: what came before is done by then."""
    await one.send("response.create", input=" ", event_id=name)
    while (await one.event("error")).get("event_id") != name:
        pass


@given(SEEDS)
def test_whatever_a_socket_brings(background: Background, seed: int) -> None:
    chance = random.Random(seed)

    async def talk(server: Server) -> None:
        query = f"media={chance.choice(['audio', 'motion'])}"
        async with client(server, query) as one:
            for _ in range(MESSAGES):
                message = (damaged_media if chance.random() < 0.3 else damaged)(chance)
                # Even longer ones end the connection.
                await one.connection.send(message[:MAX_MESSAGE])
            await answered(one, "still there")
        while server.open_sessions:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    background.run(talk)


@given(
    st.dictionaries(
        st.sampled_from(["media", "portrait", "voice", "resume", "received"]),
        st.sampled_from(["video", "audio", "-1", "9" * 30]) | st.text(),
    )
)
def test_however_a_socket_is_asked_for(background: Background, query: dict[str, str]) -> None:
    async def ask(server: Server) -> None:
        async with client(server, urlencode(query, errors="replace")) as one:
            first = await one.next()
            assert isinstance(first, dict)
            assert first["type"] in ("session.created", "error")
            if first["type"] == "error":
                assert first["code"] in ("invalid_input", "session_expired"), first
                with pytest.raises(ConnectionClosed):
                    await one.next()

    background.run(ask)
