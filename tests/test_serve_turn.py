"""A viewer that can only be reached through a TURN server: Debian's coturn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack
from pydantic import SecretStr

from jamflow_rt.config import IceServer, ServerConfig
from jamflow_rt.serve.ice import IceServers, rtc_configuration
from jamflow_rt.serve.offer import read_offer
from jamflow_rt.serve.webrtc import Viewer
from tests.coturn import MISSING, PROGRAM, SECRET, turn_server
from tests.serve_fakes import FakeSession, talking

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=MISSING)


@pytest.fixture(scope="module")
def turn_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with turn_server(tmp_path_factory.mktemp("turn")) as port:
        yield port


def make_servers(port: int, secret: str = SECRET, transport: str = "udp") -> IceServers:
    turn = IceServer(urls=(f"turn:127.0.0.1:{port}?transport={transport}",))
    return IceServers(ServerConfig(ice_servers=(turn,), turn_secret=SecretStr(secret)))


@pytest.fixture
async def viewer() -> AsyncIterator[Viewer]:
    session = FakeSession()
    viewer = Viewer(session, talking(session))  # type: ignore[arg-type]
    session.say("one two three four five six seven eight")
    yield viewer
    viewer.end()


async def gathered(servers: IceServers) -> RTCPeerConnection:
    """A client that knows no way but its TURN server, with its offer made."""
    client = RTCPeerConnection(rtc_configuration(servers.for_client("mara"), relay_only=True))
    client.addTransceiver("video", direction="recvonly")
    client.addTransceiver("audio", direction="recvonly")
    await client.setLocalDescription(await client.createOffer())
    return client


def candidates(sdp: str) -> list[str]:
    return [line for line in sdp.splitlines() if line.startswith("a=candidate:")]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_client_behind_a_relay_sees_and_hears(
    turn_port: int, viewer: Viewer, transport: str
) -> None:
    client = await gathered(make_servers(turn_port, transport=transport))
    tracks: dict[str, MediaStreamTrack] = {}
    client.on("track", lambda track: tracks.update({track.kind: track}))
    offer = client.localDescription.sdp
    assert candidates(offer)
    assert all(" typ relay" in line for line in candidates(offer))
    answer = await viewer.answer(read_offer(offer))
    task = viewer.start()
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(30):
        pictures = [await tracks["video"].recv() for _ in range(5)]
        sounds = [await tracks["audio"].recv() for _ in range(25)]
    assert {picture.width for picture in pictures} == {64}
    assert max(abs(sound.to_ndarray().astype(int)).max() for sound in sounds) > 8_000
    await client.close()
    viewer.end()
    await task


async def test_the_server_offers_its_relay_as_well(turn_port: int) -> None:
    servers = make_servers(turn_port)
    client = await gathered(servers)
    session = FakeSession()
    viewer = Viewer(session, talking(session), servers.for_server())  # type: ignore[arg-type]
    answer = await viewer.answer(read_offer(client.localDescription.sdp))
    assert any(" typ relay" in line for line in candidates(answer))
    await client.close()
    await viewer.aclose()


async def test_a_wrong_secret_is_refused(turn_port: int) -> None:
    client = await gathered(make_servers(turn_port, secret="south wind"))
    assert candidates(client.localDescription.sdp) == []
    await client.close()


async def test_credentials_of_the_past_are_refused(turn_port: int) -> None:
    config = ServerConfig(
        ice_servers=(IceServer(urls=(f"turn:127.0.0.1:{turn_port}?transport=udp",)),),
        turn_secret=SecretStr(SECRET),
        turn_seconds=60,
    )
    client = await gathered(IceServers(config, clock=lambda: 1_000_000_000.0))
    assert candidates(client.localDescription.sdp) == []
    await client.close()
