"""Sessions pushed into an SFU of the tests' own, made of aiortc, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from jamflow_rt.errors import Failed, InvalidInput, JamflowError, NotAuthorized, Overloaded
from jamflow_rt.serve import whip
from jamflow_rt.serve.whip import publish
from jamflow_rt.stream.session import Session
from tests.serve_fakes import FakeSession


class Sfu:
    """Takes what is published, and counts it."""

    def __init__(self) -> None:
        self.peers: list[RTCPeerConnection] = []
        self.deleted: list[str] = []
        self.tokens: list[str | None] = []
        self.pictures = 0
        self.levels: list[float] = []
        # Answers to give before offers are accepted: a status each.
        self.refusals: list[int] = []
        self._receiving: list[asyncio.Task[None]] = []
        app = Starlette(
            routes=[
                Route("/whip/room", self.offer, methods=["POST"]),
                Route("/moved", lambda request: RedirectResponse("/whip/room"), methods=["POST"]),
                Route("/loop", lambda request: RedirectResponse("/loop"), methods=["POST"]),
                Route("/away", self.away, methods=["POST"]),
                Route("/resource/{number}", self.delete, methods=["DELETE"]),
                Route("/page", lambda request: PlainTextResponse("hello"), methods=["POST"]),
            ]
        )
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app))

    async def offer(self, request: Request) -> Response:
        assert request.headers["content-type"] == "application/sdp"
        self.tokens.append(request.headers.get("authorization"))
        if self.refusals:
            code = self.refusals.pop(0)
            return PlainTextResponse("no such luck", code, {"retry-after": "9"})
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peers.append(peer)
        peer.on("track", self.take)
        await peer.setRemoteDescription(
            RTCSessionDescription((await request.body()).decode(), "offer")
        )
        await peer.setLocalDescription(await peer.createAnswer())
        headers = {"location": f"/resource/{len(self.peers)}"}
        return Response(peer.localDescription.sdp, 201, headers, media_type="application/sdp")

    async def away(self, request: Request) -> Response:
        return RedirectResponse("http://other.example/whip/room")

    async def delete(self, request: Request) -> Response:
        self.deleted.append(request.path_params["number"])
        return Response()

    def take(self, track: MediaStreamTrack) -> None:
        self._receiving.append(asyncio.create_task(self.receive(track)))

    async def receive(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                return
            if track.kind == "video":
                self.pictures += 1
            else:
                samples = frame.to_ndarray().astype(float) / 32768
                self.levels.append(float(np.sqrt(np.mean(samples**2))))

    async def aclose(self) -> None:
        for peer in self.peers:
            await peer.close()
        for task in self._receiving:
            task.cancel()
        await asyncio.gather(*self._receiving, return_exceptions=True)
        await self.http.aclose()


@pytest.fixture
async def sfu() -> AsyncIterator[Sfu]:
    sfu = Sfu()
    yield sfu
    await sfu.aclose()


class Publishing:
    """`publish` under way."""

    def __init__(self, sfu: Sfu, path: str = "/whip/room", token: str | None = None) -> None:
        self.session = FakeSession()
        url = f"http://sfu.example{path}"
        session = cast(Session, self.session)
        self.task = asyncio.create_task(publish(session, url, token, http=sfu.http))

    async def error(self) -> JamflowError:
        """What it fails with."""
        async with asyncio.timeout(20):
            with pytest.raises(JamflowError) as caught:
                await self.task
        return caught.value

    async def cancel(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def until(ready: Callable[[], bool], seconds: float = 40.0) -> None:
    async with asyncio.timeout(seconds):
        while not ready():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_sound_and_pictures_arrive_until_the_session_ends(sfu: Sfu) -> None:
    publishing = Publishing(sfu, token="secret")
    publishing.session.say("one two three four five")
    await until(lambda: sfu.pictures >= 20 and len(sfu.levels) >= 60)
    # A tone of amplitude 0.5 for a second, then silence.
    assert max(sfu.levels) == pytest.approx(0.5 / 2**0.5, abs=0.05)
    await until(lambda: sfu.levels[-1] < 0.01)
    assert sfu.tokens == ["Bearer secret"]
    assert not publishing.task.done()
    await publishing.session.aclose()
    async with asyncio.timeout(20):
        await publishing.task
    assert sfu.deleted == ["1"]


async def test_nothing_of_the_session_is_lost_before_the_connection_stands(sfu: Sfu) -> None:
    publishing = Publishing(sfu, "/whip/room")
    assert publishing.session._index == 0
    await until(lambda: bool(sfu.peers))
    assert publishing.session._index == 0
    await until(lambda: sfu.pictures > 0)
    await publishing.cancel()
    assert sfu.deleted == ["1"]
    assert not publishing.session.closed


async def test_a_lost_connection_is_made_anew(sfu: Sfu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whip, "FIRST_PAUSE", 0.01)
    publishing = Publishing(sfu)
    await until(lambda: sfu.pictures > 0)
    # Also an SFU that has just come back and is not ready yet.
    sfu.refusals += [503, 502]
    await sfu.peers[0].close()
    await until(lambda: len(sfu.peers) == 2)
    before = sfu.pictures
    await until(lambda: sfu.pictures > before + 5)
    assert sfu.refusals == []
    assert sfu.deleted == ["1"]
    await publishing.cancel()
    assert sfu.deleted == ["1", "2"]


async def test_a_token_that_is_withdrawn_ends_it(sfu: Sfu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whip, "FIRST_PAUSE", 0.01)
    publishing = Publishing(sfu, token="secret")
    await until(lambda: sfu.pictures > 0)
    sfu.refusals.append(401)
    await sfu.peers[0].close()
    assert isinstance(await publishing.error(), NotAuthorized)


async def test_a_redirect_is_followed(sfu: Sfu) -> None:
    publishing = Publishing(sfu, "/moved", token="secret")
    await until(lambda: sfu.pictures > 0)
    assert sfu.tokens == ["Bearer secret"]
    await publishing.cancel()
    assert sfu.deleted == ["1"]


async def test_another_origin_does_not_get_the_token(sfu: Sfu) -> None:
    publishing = Publishing(sfu, "/away", token="secret")
    await until(lambda: bool(sfu.tokens))
    assert sfu.tokens == [None]
    await publishing.cancel()


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, NotAuthorized, "token"),
        (403, NotAuthorized, "token"),
        (404, InvalidInput, "WHIP endpoint"),
        (405, InvalidInput, "WHIP endpoint"),
        (409, InvalidInput, "409 Conflict: no such luck"),
        (429, Overloaded, "429"),
        (500, Failed, "500"),
        (503, Overloaded, "503"),
        (302, InvalidInput, "302"),
    ],
)
async def test_refusals_are_explained(
    sfu: Sfu, status: int, error: type[JamflowError], message: str
) -> None:
    sfu.refusals.append(status)
    refusal = await Publishing(sfu).error()
    assert type(refusal) is error
    assert message in str(refusal)
    assert "sfu.example/whip/room" in str(refusal)
    if isinstance(refusal, Overloaded):
        assert refusal.retry_after == 9


@pytest.mark.parametrize(
    ("path", "message"), [("/loop", "more than 5"), ("/page", "without an SDP answer")]
)
async def test_what_is_no_endpoint_is_said_to_be_none(sfu: Sfu, path: str, message: str) -> None:
    error = await Publishing(sfu, path).error()
    assert isinstance(error, InvalidInput)
    assert message in str(error)


@pytest.mark.parametrize("url", ["", "sfu.example/whip", "ftp://sfu.example", "http://"])
async def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="URL"):
        await publish(FakeSession.as_session(), url)


async def test_an_sfu_that_is_not_there_is_named() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as http:
        with pytest.raises(Failed, match=r"sfu\.example/whip cannot be reached") as caught:
            url = "http://user:word@sfu.example/whip?streamkey=abc"
            await publish(FakeSession.as_session(), url, http=http)
    assert "abc" not in str(caught.value)
    assert "word" not in str(caught.value)


async def test_an_answer_that_is_none_is_refused() -> None:
    answer = httpx.MockTransport(lambda request: httpx.Response(201, text="v=0\r\n"))
    async with httpx.AsyncClient(transport=answer) as http:
        with pytest.raises(InvalidInput, match="VP8 and Opus"):
            await publish(FakeSession.as_session(), "https://sfu.example/whip", http=http)
