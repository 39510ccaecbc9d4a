from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, clock
from aiortc.rtp import AnyRtcpPacket, RtcpByePacket, RtcpSenderInfo, RtcpSrPacket

from jamflow_rt.serve.encoder import VideoEncoder
from jamflow_rt.serve.race import race
from jamflow_rt.serve.sending import send_tracks
from jamflow_rt.serve.tracks import SOUND_DELAY, Feed, PictureTrack, SoundTrack
from tests.serve_fakes import make_frame


class Sender:
    """A connection that goes nowhere, and what it would report."""

    def __init__(self, *kinds: str) -> None:
        self.sound, self.picture = SoundTrack(), PictureTrack(VideoEncoder())
        self.feed = Feed(self.sound, self.picture)
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.sent: list[AnyRtcpPacket] = []
        send_tracks(self.peer, self.sound, self.picture, kinds)

    async def report(self, kind: str) -> float:
        """The time, in seconds of NTP, that a sender's report would tell now."""
        sender = next(sender for sender in self.peer.getSenders() if sender.kind == kind)
        info = RtcpSenderInfo(clock.current_ntp_time(), 0, 0, 0)
        await sender._send_rtcp([RtcpSrPacket(ssrc=1, sender_info=info), RtcpByePacket([1])])
        return info.ntp_timestamp / 2**32

    async def aclose(self) -> None:
        self.sound.stop()
        self.picture.stop()
        await self.peer.close()


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender("audio", "video")
    for each in sender.peer.getSenders():
        # What has no connection cannot send; nothing is lost by that here.
        assert each.transport.state == "new"
    yield sender
    await sender.aclose()


async def test_reports_say_when_a_packet_was_to_leave_however_late_it_left(
    sender: Sender,
) -> None:
    sender.feed.push(make_frame(0))
    await sender.picture.recv()
    await sender.sound.recv()
    # Both report about the same frame, one of them after a long while.
    picture = await sender.report("video")
    await asyncio.sleep(0.3)
    sound = await sender.report("audio")
    assert picture - sound == pytest.approx(SOUND_DELAY, abs=0.005)


async def test_before_the_first_packet_reports_stay_as_they_are(sender: Sender) -> None:
    before = clock.current_ntp_time() / 2**32
    assert await sender.report("audio") == pytest.approx(before, abs=0.1)


@pytest.mark.parametrize("kinds", [("audio",), ("video",)])
async def test_only_what_was_asked_for_is_sent(kinds: tuple[str, ...]) -> None:
    sender = Sender(*kinds)
    assert tuple(each.kind for each in sender.peer.getSenders()) == kinds
    await sender.aclose()


async def test_a_race_ends_with_its_first_and_cancels_the_rest() -> None:
    cancelled = []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("first")

    await race(asyncio.sleep(0), wait())
    with pytest.raises(ValueError, match="first"):
        await race(wait(), fail())
    assert len(cancelled) == 2
