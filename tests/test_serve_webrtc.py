"""A viewer made of aiortc against the application, over real sockets of this machine."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamTrack
from starlette.applications import Starlette

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.serve import sweeping, webrtc
from jamflow_rt.serve.app import create_app
from jamflow_rt.serve.offer import read_offer
from jamflow_rt.serve.trickle import MAX_CANDIDATES, Fragment, parse_fragment
from jamflow_rt.serve.webrtc import Viewer
from tests.serve_fakes import FakeAvatar, FakeSession, talking


class Server:
    """The application with a fake avatar, called in process."""

    def __init__(self, max_sessions: int = 2) -> None:
        self.avatar = FakeAvatar()
        config = ServerConfig(max_sessions=max_sessions)
        self.app: Starlette = create_app(self.avatar.as_avatar(), config, portraits=("mara",))
        transport = httpx.ASGITransport(self.app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://server")

    async def sessions(self) -> int:
        health = await self.http.get("/healthz")
        return int(health.json()["sessions"])


class Peer:
    """A browser's part: receives both tracks, opens the channel of events."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTransceiver("video", direction="recvonly")
        self.connection.addTransceiver("audio", direction="recvonly")
        self.channel: RTCDataChannel = self.connection.createDataChannel("events")
        self.events: list[dict[str, Any]] = []
        self.channel.on("message", lambda message: self.events.append(json.loads(message)))
        self.tracks: dict[str, MediaStreamTrack] = {}
        self.connection.on("track", lambda track: self.tracks.update({track.kind: track}))
        self.location = ""

    async def post(self, query: str = "") -> httpx.Response:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return await self.server.http.post(
            f"/whep{query}",
            content=self.connection.localDescription.sdp,
            headers={"content-type": "application/sdp"},
        )

    async def connect(self) -> None:
        answer = await self.post()
        assert answer.status_code == 201, answer.text
        assert answer.headers["content-type"] == "application/sdp"
        self.location = answer.headers["location"]
        await self.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        await until(lambda: any(e["type"] == "session.created" for e in self.events))

    def send(self, kind: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": kind, **fields}))

    async def loudness(self, packets: int) -> list[float]:
        """The level of each of the next packets of sound, 0…1."""
        levels = []
        for _ in range(packets):
            frame = await self.tracks["audio"].recv()
            levels.append(float(np.abs(frame.to_ndarray().astype(float)).max()) / 32768)
        return levels


async def until(ready: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not ready():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def until_sessions(server: Server, count: int) -> None:
    async with asyncio.timeout(20):
        while await server.sessions() != count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running(max_sessions: int = 2) -> AsyncIterator[Server]:
    server = Server(max_sessions)
    async with server.app.router.lifespan_context(server.app), server.http:
        yield server
    assert all(session.closed for session in server.avatar.sessions)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running() as server:
        yield server


@pytest.fixture
async def peer(server: Server) -> AsyncIterator[Peer]:
    peer = Peer(server)
    yield peer
    await peer.connection.close()


async def test_a_viewer_sees_the_face_and_hears_what_it_asked_for(peer: Peer) -> None:
    await peer.connect()
    assert peer.events[0]["session_id"] == "session-1"
    assert max(await peer.loudness(5)) < 0.01
    peer.send("response.create", input="one two three four five six")
    await until(lambda: any(event["type"] == "response.done" for event in peer.events))
    assert max(await peer.loudness(60)) == pytest.approx(0.5, abs=0.1)

    first = await peer.tracks["video"].recv()
    second = await peer.tracks["video"].recv()
    assert (first.width, first.height) == (64, 64)
    assert (second.pts - first.pts) % 3600 == 0
    moved = np.abs(second.to_ndarray(format="rgb24").astype(int) - first.to_ndarray(format="rgb24"))
    assert moved.max() > 20

    kinds = [event["type"] for event in peer.events]
    assert kinds[:2] == ["session.created", "avatar.state_changed"]
    words = [e["delta"] for e in peer.events if e["type"].endswith("transcript.delta")]
    assert words == ["one", "two", "three", "four", "five", "six"]
    done = next(event for event in peer.events if event["type"] == "response.done")
    assert (done["status"], done["spoken_text"]) == ("completed", "one two three four five six")


async def test_cancel_reaches_the_session_and_bad_messages_do_no_harm(peer: Peer) -> None:
    await peer.connect()
    peer.channel.send("{")
    peer.channel.send(b"\x00\x01")
    peer.send("response.create", input=" ", event_id="empty")
    peer.send("response.create", input="a long sentence that will not be heard to its end")
    await until(lambda: any(event["type"] == "response.created" for event in peer.events))
    errors = [event for event in peer.events if event["type"] == "error"]
    assert [event["code"] for event in errors] == ["invalid_json", "invalid_json", "invalid_input"]
    assert errors[-1]["event_id"] == "empty"
    peer.send("response.cancel")
    await until(lambda: any(event["type"] == "response.done" for event in peer.events))
    assert peer.events[-2]["type"] == "response.done" or peer.events[-1]["type"] == "response.done"
    assert next(e for e in peer.events if e["type"] == "response.done")["status"] == "cancelled"


async def test_delete_ends_the_viewer(server: Server, peer: Peer) -> None:
    await peer.connect()
    assert await server.sessions() == 1
    assert (await server.http.delete(peer.location)).status_code == 200
    assert await server.sessions() == 0
    assert server.avatar.sessions[0].closed
    assert (await server.http.delete(peer.location)).status_code == 404


async def test_a_viewer_that_leaves_mid_sentence_frees_its_place(
    server: Server, peer: Peer
) -> None:
    other = Peer(server)
    await peer.connect()
    await other.connect()
    peer.send("response.create", input="many words " * 15)
    other.send("response.create", input="one two three four five six seven")
    await until(lambda: any(e["type"].endswith("transcript.delta") for e in peer.events))
    await peer.connection.close()
    await until_sessions(server, 1)
    assert server.avatar.sessions[0].closed
    await until(lambda: any(event["type"] == "response.done" for event in other.events))
    await other.connection.close()
    await until_sessions(server, 0)


async def test_a_viewer_that_falls_silent_is_found_out(
    server: Server, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webrtc, "SILENCE_SECONDS", 2.0)
    await peer.connect()
    # No farewell: its packets, and with them its reports, just stop.
    for receiver in peer.connection.getReceivers():
        ice = receiver.transport.transport
        monkeypatch.setattr(ice, "_send", lost)
    await until_sessions(server, 0)


async def lost(data: bytes) -> None:
    """Send nothing."""


async def test_a_viewer_that_never_connects_loses_its_place(
    server: Server, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webrtc, "CONNECT_SECONDS", 0.2)
    assert (await peer.post()).status_code == 201
    await until_sessions(server, 0)


async def test_a_full_server_says_so_and_serves_on(server: Server, peer: Peer) -> None:
    await peer.connect()
    extra = [Peer(server) for _ in range(3)]
    answers = await asyncio.gather(*(each.post() for each in extra))
    assert sorted(answer.status_code for answer in answers) == [201, 503, 503]
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert int(refused.headers["retry-after"]) > 0
    assert "2 places" in refused.text
    for each in extra:
        await each.connection.close()


async def test_a_session_that_breaks_ends_its_viewer_alone(
    server: Server, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    other = Peer(server)
    await peer.connect()
    await other.connect()
    server.avatar.sessions[0].error = RuntimeError("the model broke")
    await until_sessions(server, 1)
    assert server.avatar.sessions[0].closed
    assert "the model broke" in caplog.text
    assert not server.avatar.sessions[1].closed
    await other.connection.close()


async def test_a_viewer_without_a_channel_only_watches(server: Server) -> None:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("video", direction="recvonly")
    tracks: list[MediaStreamTrack] = []
    connection.on("track", tracks.append)
    await connection.setLocalDescription(await connection.createOffer())
    answer = await server.http.post(
        "/whep",
        content=connection.localDescription.sdp,
        headers={"content-type": "application/sdp; charset=utf-8"},
    )
    await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    assert (await tracks[0].recv()).width == 64
    await connection.close()
    await until_sessions(server, 0)


async def test_a_lost_picture_brings_a_key_frame(server: Server, peer: Peer) -> None:
    await peer.connect()
    (viewer,) = server.app.state.viewers
    sender = next(s for s in viewer._peer.getSenders() if s.kind == "video")
    viewer._picture._keyframe = False
    sender._send_keyframe()
    assert viewer._picture._keyframe


async def test_the_end_of_the_server_ends_its_viewers() -> None:
    async with running() as server:
        peer = Peer(server)
        await peer.connect()
    assert server.avatar.sessions[0].closed
    await peer.connection.close()


class Trickler:
    """A client that sends its offer without a candidate, and a viewer that answers it."""

    def __init__(self) -> None:
        self.session = FakeSession()
        self.viewer = Viewer(self.session, talking(self.session))  # type: ignore[arg-type]
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTransceiver("video", direction="recvonly")
        self.tracks: list[MediaStreamTrack] = []
        self.connection.on("track", self.tracks.append)
        self.candidates: list[str] = []
        self.user = ""

    async def open(self) -> None:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        lines = self.connection.localDescription.sdp.splitlines()
        self.candidates = [line for line in lines if line.startswith("a=candidate:")]
        self.user = next(line for line in lines if line.startswith("a=ice-ufrag:"))
        late = ("a=candidate:", "a=end-of-candidates")
        offer = "\r\n".join([line for line in lines if not line.startswith(late)] + [""])
        answer = await self.viewer.answer(read_offer(offer))
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def fragment(self, *candidates: str, user: str | None = None) -> Fragment:
        head = [user or self.user, "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0"]
        return parse_fragment("\r\n".join([*head, *candidates, "a=end-of-candidates"]))

    async def aclose(self) -> None:
        await self.connection.close()
        await self.viewer.aclose()


@pytest.fixture
async def trickler() -> AsyncIterator[Trickler]:
    trickler = Trickler()
    await trickler.open()
    yield trickler
    await trickler.aclose()


async def test_candidates_that_come_after_the_offer_make_a_connection(
    trickler: Trickler,
) -> None:
    assert trickler.candidates
    task = trickler.viewer.start()
    trickler.viewer.trickle(trickler.fragment(*trickler.candidates))
    async with asyncio.timeout(20):
        assert (await trickler.tracks[0].recv()).width == 64
    remote = trickler.viewer._peer.remoteDescription.sdp
    assert all(line in remote for line in trickler.candidates)
    trickler.viewer.end()
    await task
    assert trickler.session.closed


async def test_a_candidate_that_cannot_be_used_does_no_harm(trickler: Trickler) -> None:
    trickler.viewer.trickle(
        trickler.fragment("a=candidate:1 1 udp 1 no.such.host 9 typ host", *trickler.candidates)
    )
    task = trickler.viewer.start()
    async with asyncio.timeout(20):
        assert (await trickler.tracks[0].recv()).width == 64
    trickler.viewer.end()
    await task


async def test_another_ice_user_is_a_restart_and_refused(trickler: Trickler) -> None:
    with pytest.raises(NotSupported, match="cannot be restarted"):
        trickler.viewer.trickle(trickler.fragment(user="a=ice-ufrag:somebody"))


async def test_candidates_without_end_are_refused(trickler: Trickler) -> None:
    many = trickler.fragment(*["a=candidate:1 1 udp 1 127.0.0.1 9 typ host"] * MAX_CANDIDATES)
    trickler.viewer.trickle(many)
    with pytest.raises(InvalidInput, match="no more"):
        trickler.viewer.trickle(trickler.fragment(*trickler.candidates))


async def test_names_that_must_be_resolved_do_not_hold_the_answer_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    added: list[str] = []
    trickler = Trickler()

    async def add(candidate: Any) -> None:
        added.append("end" if candidate is None else candidate.ip)

    monkeypatch.setattr(trickler.viewer._peer, "addIceCandidate", add)
    await trickler.connection.setLocalDescription(await trickler.connection.createOffer())
    offer = trickler.connection.localDescription.sdp
    first = next(line for line in offer.splitlines() if line.startswith("a=candidate:"))
    hidden = "a=candidate:9 1 udp 2113937151 4c3b-11.local 50001 typ host"
    answer = await trickler.viewer.answer(read_offer(offer.replace(first, f"{first}\r\n{hidden}")))
    assert added == []
    assert "m=video" in answer
    await until(lambda: len(added) == 2)
    assert added == ["4c3b-11.local", "end"]
    await trickler.aclose()


async def test_of_a_viewer_that_has_left_nothing_stays(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "PATIENCE", 0.1)
    gc.disable()
    try:
        await peer.connect()
        (viewer,) = map(weakref.ref, peer.server.app.state.viewers)
        await peer.loudness(5)
        await peer.server.http.delete(peer.location)
        # The fake remembers its sessions, and these who listened to them.
        peer.server.avatar.sessions.clear()
        await until(lambda: viewer() is None)
    finally:
        gc.enable()
