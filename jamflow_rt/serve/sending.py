"""What every peer connection that we send over needs: codecs, true reports, an eye on the other."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Collection
from typing import Final

from aiortc import RTCPeerConnection, RTCRtpSender, clock
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from jamflow_rt.serve.tracks import PictureTrack, SoundTrack

POLL_SECONDS: Final = 1.0
"""How often reception reports are looked for; browsers send about one a second."""


def send_tracks(
    peer: RTCPeerConnection, sound: SoundTrack, picture: PictureTrack, kinds: Collection[str]
) -> None:
    """Send the tracks of these kinds ("audio", "video") over a connection, as Opus and VP8."""
    if "audio" in kinds:
        sounds = peer.addTransceiver(sound, direction="sendonly")
        sounds.setCodecPreferences(_codecs("audio", "audio/opus"))
        _report_planned(sounds.sender, sound)
    if "video" in kinds:
        pictures = peer.addTransceiver(picture, direction="sendonly")
        pictures.setCodecPreferences(_codecs("video", "video/VP8", "video/rtx"))
        # Our packets pass the sender's encoder by, so pleas for key frames must come to us.
        pictures.sender._send_keyframe = picture.request_keyframe  # type: ignore[method-assign]
        _report_planned(pictures.sender, picture)


async def until_silent(peer: RTCPeerConnection, seconds: float) -> None:
    """Return when a connected peer has not reported what it receives for so long.

    ICE alone takes 30 s to notice that nobody is there.
    """
    loop = asyncio.get_running_loop()
    heard = loop.time()
    latest: dict[str, datetime.datetime] = {}
    while loop.time() - heard < seconds:
        await asyncio.sleep(POLL_SECONDS)
        for sender in peer.getSenders():
            for key, report in (await sender.getStats()).items():
                if not isinstance(report, RTCRemoteInboundRtpStreamStats):
                    continue
                if latest.get(key) != report.timestamp:
                    latest[key] = report.timestamp
                    heard = loop.time()


def _report_planned(sender: RTCRtpSender, track: SoundTrack | PictureTrack) -> None:
    """Let the sender's reports say when its last packet was to leave, not when it left."""
    send = sender._send_rtcp

    async def send_true(packets: list[AnyRtcpPacket]) -> None:
        for packet in packets:
            # A packet that a track gives is sent before anything else happens: it is the last one.
            if isinstance(packet, RtcpSrPacket) and track.planned is not None:
                late = asyncio.get_running_loop().time() - track.planned
                # NTP counts 2⁻³² s.
                packet.sender_info.ntp_timestamp = clock.current_ntp_time() - round(late * 2**32)
        await send(packets)

    sender._send_rtcp = send_true  # type: ignore[method-assign]


def _codecs(kind: str, *names: str) -> list[RTCRtpCodecCapability]:
    return [c for c in RTCRtpSender.getCapabilities(kind).codecs if c.mimeType in names]
