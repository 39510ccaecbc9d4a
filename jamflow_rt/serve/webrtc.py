"""One viewer over WebRTC: two tracks out, a channel of events both ways, and a clean end."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final, TypeAlias

from aiortc import RTCDataChannel, RTCIceCandidate, RTCPeerConnection, RTCSessionDescription

from jamflow_rt.config import IceServer
from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.serve.conversation import Conversation, Reason
from jamflow_rt.serve.encoder import VideoEncoder
from jamflow_rt.serve.ice import rtc_configuration
from jamflow_rt.serve.logs import session_log
from jamflow_rt.serve.offer import Offer
from jamflow_rt.serve.race import race
from jamflow_rt.serve.sending import send_tracks, until_silent
from jamflow_rt.serve.tracks import Feed, PictureTrack, SoundTrack
from jamflow_rt.serve.trickle import MAX_CANDIDATES, Fragment
from jamflow_rt.stream.session import Session

logger = logging.getLogger(__name__)

CHANNEL: Final = "events"
"""Label of the data channel that carries the events of jamflow_rt.protocol."""
CONNECT_SECONDS: Final = 20.0
"""How long a viewer may take from the answer to a standing connection."""
SILENCE_SECONDS: Final = 10.0
"""A viewer whose reception reports stop for so long has vanished."""
CLOSE_SECONDS: Final = 5.0

Converse: TypeAlias = Callable[[Callable[[str], None]], Conversation]
"""Makes a viewer's conversation of the function that sends it a message."""


class Viewer:
    """A peer connection and the session it shows; owns both and ends both.

    Args:
        session: what is shown.
        converse: makes the conversation.
        ice_servers: the server's own, with credentials (`IceServers.for_server`).
    """

    def __init__(
        self,
        session: Session,
        converse: Converse,
        ice_servers: Iterable[IceServer] = (),
    ) -> None:
        self.id: Final = secrets.token_urlsafe(16)
        self._session = session
        self._picture = PictureTrack(VideoEncoder())
        self._sound = SoundTrack()
        # The viewer's data channel for events; a plain WHEP player opens none and only watches.
        self._channel: RTCDataChannel | None = None
        self._channel_open = asyncio.Event()
        self.conversation: Final = converse(self._send)
        self._connected = asyncio.Event()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # Candidates that came after the offer, and the work of adding those.
        self._candidates = 0
        self._adding: set[asyncio.Task[None]] = set()
        # The user names of the offer's ICE; others would mean a restart.
        self._ice_users: frozenset[str] = frozenset()
        self._peer = RTCPeerConnection(rtc_configuration(ice_servers))
        self._peer.on("connectionstatechange", self._on_state)
        self._peer.on("datachannel", self._on_channel)

    async def answer(self, offer: Offer) -> str:
        """Answer an offer with our SDP, candidates included. Raises InvalidInput."""
        # Only what was offered: aiortc would wait for the transport of the rest for ever.
        send_tracks(self._peer, self._sound, self._picture, offer.kinds)
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            await self._peer.setLocalDescription(await self._peer.createAnswer())
        # As in read_offer; also codecs that do not meet, and fingerprints that are missing.
        except Exception as error:
            logger.info("offer refused: %s", error)
            raise InvalidInput(
                "The SDP offer cannot be answered; it must offer VP8 and Opus over DTLS."
            ) from error
        self._ice_users = offer.ice_users
        if offer.slow is not None:
            self._add_later(offer.slow)
        return self._peer.localDescription.sdp

    def trickle(self, fragment: Fragment) -> None:
        """Take candidates that the viewer found after its offer; they are tried in time.

        Raises InvalidInput for too many, NotSupported when a restart of ICE is asked for.
        """
        if fragment.username is not None and fragment.username not in self._ice_users:
            raise NotSupported(
                "ICE cannot be restarted here; end this session by DELETE and open another."
            )
        if self._candidates + len(fragment.candidates) > MAX_CANDIDATES:
            raise InvalidInput(f"A viewer may send {MAX_CANDIDATES} ICE candidates, no more.")
        self._add_later(fragment)

    def start(self, *beside: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Begin to serve; the task ends, everything released, when the viewer is gone.

        Args:
            beside: work that goes on as long; when it ends, the viewer does.
        """
        self._task = asyncio.create_task(self._run(beside), name=f"viewer-{self.id}")
        return self._task

    def end(self, reason: Reason = "server") -> None:
        """Ask the viewer's task to end; the client is told why."""
        self.conversation.tell_closed(reason)
        self._ended.set()

    async def aclose(self) -> None:
        """Release everything. A started viewer does so by itself when it ends."""
        for task in self._adding:
            task.cancel()
        self._sound.stop()
        self._picture.stop()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._peer.close()
        except TimeoutError:
            logger.warning("viewer %s: the peer connection did not close in time", self.id)
        # Whatever it stumbles over, the session ends and its place is free.
        except Exception:
            logger.exception("viewer %s: the peer connection did not close", self.id)
        finally:
            await self._session.aclose()

    async def _run(self, beside: tuple[Coroutine[Any, Any, object], ...]) -> None:
        with session_log(self._session.id):
            try:
                await race(self._serve(), self._talk(), self._watch(), self._ended.wait(), *beside)
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
        feed = Feed(self._sound, self._picture)
        async for frame in self._session:
            feed.push(frame)
            if self._channel_open.is_set():
                self.conversation.frame(frame)

    async def _talk(self) -> None:
        await self._channel_open.wait()
        await self.conversation.run()

    async def _watch(self) -> None:
        """Return when a connected viewer no longer reports what it receives."""
        await self._connected.wait()
        await until_silent(self._peer, SILENCE_SECONDS)
        logger.info("viewer %s: vanished", self.id)

    def _add_later(self, fragment: Fragment) -> None:
        # Names of mDNS take up to a second to resolve; the request does not wait for that.
        self._candidates += len(fragment.candidates)
        task = asyncio.create_task(self._add(fragment), name=f"candidates-{self.id}")
        self._adding.add(task)
        task.add_done_callback(self._adding.discard)

    async def _add(self, fragment: Fragment) -> None:
        await asyncio.gather(*map(self._add_candidate, fragment.candidates))
        if fragment.complete:
            await self._add_candidate(None)

    async def _add_candidate(self, candidate: RTCIceCandidate | None) -> None:
        try:
            await self._peer.addIceCandidate(candidate)
        # What is no address, of an unknown protocol, or late: the other candidates may do.
        except Exception as error:
            logger.info("viewer %s: candidate refused: %s", self.id, error)

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
        channel.on("message", self.conversation.receive)
        self._channel_open.set()

    def _send(self, message: str) -> None:
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(message)
