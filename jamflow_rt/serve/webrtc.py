"""One viewer over WebRTC: two tracks out, a channel of events both ways, and a clean end."""

from __future__ import annotations

import asyncio
import datetime
import logging
import secrets
from collections.abc import Coroutine
from typing import Any, Final

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.sdp import SessionDescription
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.conversation import Conversation
from jamflow_rt.serve.encoder import VideoEncoder
from jamflow_rt.serve.tracks import Feed, PictureTrack, SoundTrack
from jamflow_rt.stream.session import Session

logger = logging.getLogger(__name__)

CHANNEL: Final = "events"
"""Label of the data channel that carries the events of jamflow_rt.protocol."""
CONNECT_SECONDS: Final = 20.0
"""How long a viewer may take from the answer to a standing connection."""
SILENCE_SECONDS: Final = 10.0
"""A viewer whose reception reports stop for so long has vanished (ICE alone takes 30 s)."""
CLOSE_SECONDS: Final = 5.0


def offered_kinds(sdp: str) -> set[str]:
    """Which of "audio" and "video" an SDP offer asks for. Raises InvalidInput for neither."""
    try:
        kinds = {media.kind for media in SessionDescription.parse(sdp).media}
    # aiortc's parser raises whatever its string handling meets: ValueError, IndexError, …
    except Exception as error:
        raise InvalidInput("The body is not an SDP offer.") from error
    if not kinds & {"audio", "video"}:
        raise InvalidInput("The SDP offer has neither an audio nor a video section.")
    return kinds & {"audio", "video"}


class Viewer:
    """A peer connection and the session it shows; owns both and ends both."""

    def __init__(self, session: Session, *, max_text: int) -> None:
        self.id: Final = secrets.token_urlsafe(16)
        self._session = session
        self._encoder = VideoEncoder()
        self._picture = PictureTrack(self._encoder)
        self._sound = SoundTrack()
        # The viewer's data channel for events; a plain WHEP player opens none and only watches.
        self._channel: RTCDataChannel | None = None
        self._channel_open = asyncio.Event()
        self._conversation = Conversation(session, self._send, max_text=max_text)
        self._connected = asyncio.Event()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # No STUN server: host candidates do on this machine and in this network, at once.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peer.on("connectionstatechange", self._on_state)
        self._peer.on("datachannel", self._on_channel)

    async def answer(self, sdp: str) -> str:
        """Answer an offer with our SDP, candidates included. Raises InvalidInput."""
        # Only what was offered: aiortc would wait for the transport of the rest for ever.
        kinds = offered_kinds(sdp)
        if "audio" in kinds:
            sound = self._peer.addTransceiver(self._sound, direction="sendonly")
            sound.setCodecPreferences(_codecs("audio", "audio/opus"))
        if "video" in kinds:
            picture = self._peer.addTransceiver(self._picture, direction="sendonly")
            picture.setCodecPreferences(_codecs("video", "video/VP8", "video/rtx"))
            # Our packets pass the sender's encoder by, so pleas for key frames must come to us.
            picture.sender._send_keyframe = (  # type: ignore[method-assign]
                self._picture.request_keyframe
            )
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        # As in offered_kinds; also codecs that do not meet, and fingerprints that are missing.
        except Exception as error:
            logger.info("offer refused: %s", error)
            raise InvalidInput(
                "The SDP offer cannot be answered; it must offer VP8 and Opus over DTLS."
            ) from error
        return self._peer.localDescription.sdp

    def start(self) -> asyncio.Task[None]:
        """Begin to serve; the task ends, everything released, when the viewer is gone."""
        self._task = asyncio.create_task(self._run(), name=f"viewer-{self.id}")
        return self._task

    def end(self) -> None:
        """Ask the viewer's task to end."""
        self._ended.set()

    async def aclose(self) -> None:
        """Release everything. A started viewer does so by itself when it ends."""
        self._sound.stop()
        self._picture.stop()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._peer.close()
        except TimeoutError:
            logger.warning("viewer %s: the peer connection did not close in time", self.id)
        finally:
            await self._session.aclose()

    async def _run(self) -> None:
        try:
            await _first(self._serve(), self._talk(), self._watch(), self._ended.wait())
        finally:
            await self.aclose()
            logger.info("viewer %s: ended", self.id)

    async def _serve(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connected.wait()
        except TimeoutError:
            logger.info("viewer %s: no connection within %.0f s", self.id, CONNECT_SECONDS)
            return
        logger.info("viewer %s: connected", self.id)
        await self._pump()

    async def _pump(self) -> None:
        feed = Feed(self._sound, self._picture, lambda: self._encoder.delay)
        async for frame in self._session:
            feed.push(frame)

    async def _talk(self) -> None:
        await self._channel_open.wait()
        await self._conversation.run()

    async def _watch(self) -> None:
        """Return when a connected viewer no longer reports what it receives."""
        await self._connected.wait()
        loop = asyncio.get_running_loop()
        heard = loop.time()
        latest: dict[str, datetime.datetime] = {}
        while loop.time() - heard < SILENCE_SECONDS:
            await asyncio.sleep(1.0)
            for sender in self._peer.getSenders():
                for key, report in (await sender.getStats()).items():
                    if not isinstance(report, RTCRemoteInboundRtpStreamStats):
                        continue
                    if latest.get(key) != report.timestamp:
                        latest[key] = report.timestamp
                        heard = loop.time()
        logger.info("viewer %s: vanished", self.id)

    def _on_state(self) -> None:
        state = self._peer.connectionState
        if state == "connected":
            self._connected.set()
        elif state in ("failed", "closed"):
            self._ended.set()

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._conversation.receive)
        self._channel_open.set()

    def _send(self, message: str) -> None:
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(message)


def _codecs(kind: str, *names: str) -> list[RTCRtpCodecCapability]:
    return [c for c in RTCRtpSender.getCapabilities(kind).codecs if c.mimeType in names]


async def _first(*work: Coroutine[Any, Any, object]) -> None:
    """Run all until the first ends, cancel the others, and raise what the first one raised."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
