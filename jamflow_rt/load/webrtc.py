"""Clients over WebRTC: two tracks and a channel of events, as a browser has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Final
from urllib.parse import urlencode, urljoin

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from pydantic import ValidationError

from jamflow_rt import protocol
from jamflow_rt.client.failures import failure
from jamflow_rt.errors import Failed, JamflowError
from jamflow_rt.load.arrivals import Arrival, Heard, Seen
from jamflow_rt.load.requests import address, request

CHANNEL: Final = "events"
"""Label of the data channel."""
GREETING_SECONDS: Final = 20.0
"""How long a connection may take to stand, from the server's answer on."""


class WebRtcConnection:
    """A client over WebRTC. Made by `open_webrtc`.

    Sound passes aiortc's jitter buffer, which holds back 4 packets, 80 ms: the waits are so much
    longer than those of the packets. Browsers have such a buffer as well.

    Args:
        token: for the server, if it wants one.
    """

    def __init__(self, token: str | None) -> None:
        self.underruns = 0
        self.troubles: list[JamflowError] = []
        self._token = token
        self._location: str | None = None
        # Without ICE servers: it is the server whom a firewall would have to let through.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peer.addTransceiver("video", direction="recvonly")
        self._peer.addTransceiver("audio", direction="recvonly")
        self._channel = self._peer.createDataChannel(CHANNEL)
        self._channel.on("message", self._on_message)
        self._peer.on("track", self._on_track)
        self._peer.on("connectionstatechange", self._on_state)
        self._greeted = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        # What comes; at its end, why it ended, None for in good order.
        self._arrivals: asyncio.Queue[Arrival | JamflowError | None] = asyncio.Queue()
        # Speeches that have not ended: by our names for them, and the server's names for ours.
        self._speeches: dict[str, asyncio.Future[None]] = {}
        self._names: dict[str, str] = {}
        self._count = 0

    async def open(self, url: str) -> None:
        """Connect to the WHEP endpoint at `url`.

        Raises:
            JamflowError: the server refuses, or cannot be reached.
        """
        await self._peer.setLocalDescription(await self._peer.createOffer())
        offer = self._peer.localDescription.sdp
        answer = await request("POST", url, self._token, offer, "application/sdp")
        self._location = urljoin(url, answer.headers.get("location", ""))
        await self._peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                await self._greeted.wait()
        except TimeoutError as error:
            raise Failed(f"No connection within {GREETING_SECONDS:g} seconds.") from error

    async def arrivals(self) -> AsyncIterator[Arrival]:
        """See `jamflow_rt.load.arrivals.Connection`."""
        while True:
            arrival = await self._arrivals.get()
            if arrival is None:
                return
            if isinstance(arrival, JamflowError):
                raise arrival
            yield arrival

    def say(self, text: str) -> Awaitable[object]:
        """See `jamflow_rt.load.arrivals.Connection`."""
        self._count += 1
        name = f"say-{self._count}"
        self._speeches[name] = asyncio.get_running_loop().create_future()
        self._send(protocol.ResponseCreate(input=text, event_id=name))
        return self._speeches[name]

    async def interrupt(self) -> None:
        """See `jamflow_rt.load.arrivals.Connection`."""
        self._send(protocol.ResponseCancel())
        if self._speeches:
            await asyncio.wait(list(self._speeches.values()))

    async def received(self) -> int:
        """See `jamflow_rt.load.arrivals.Connection`."""
        stats = await self._peer.getStats()
        return sum(one.bytesReceived for one in stats.values() if one.type == "transport")

    async def aclose(self) -> None:
        """See `jamflow_rt.load.arrivals.Connection`."""
        try:
            if self._location is not None:
                await request("DELETE", self._location, self._token)
        except JamflowError:
            pass  # the session had ended before, or ends by itself
        finally:
            self._end(None)
            await self._peer.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _send(self, event: protocol.ClientEvent) -> None:
        if self._channel.readyState != "open":
            raise Failed("The connection is not open any more.")
        self._channel.send(protocol.dump_event(event))

    def _on_message(self, message: str | bytes) -> None:
        try:
            event = protocol.parse_server_event(message)
        except ValidationError:
            return  # of another version
        match event:
            case protocol.SessionCreated():
                self._greeted.set()
            case protocol.ResponseCreated() if event.event_id is not None:
                self._names[event.response_id] = event.event_id
            case protocol.ResponseDone():
                error = Failed("The response failed.") if event.status == "failed" else None
                self._ended(self._names.pop(event.response_id, ""), error)
            case protocol.ErrorEvent() if event.event_id in self._speeches:
                self._ended(event.event_id or "", failure(event))
            case protocol.ErrorEvent():
                self.troubles.append(failure(event))
            case protocol.Metrics():
                self.underruns = event.underruns
            case protocol.SessionClosed():
                self._end(None)

    def _ended(self, name: str, error: JamflowError | None) -> None:
        speech = self._speeches.pop(name, None)
        if speech is None or speech.done():
            return
        if error is None:
            speech.set_result(None)
        else:
            speech.set_exception(error)

    def _on_state(self) -> None:
        if self._peer.connectionState in ("failed", "closed"):
            self._end(Failed("The connection was lost."))

    def _end(self, error: JamflowError | None) -> None:
        for name in list(self._speeches):
            self._ended(name, error or Failed("The session was closed."))
        self._arrivals.put_nowait(error)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.add(asyncio.create_task(self._receive(track)))

    async def _receive(self, track: MediaStreamTrack) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            at = loop.time()
            self._arrivals.put_nowait(
                heard(at, frame) if isinstance(frame, av.AudioFrame) else Seen(at)
            )


def heard(at: float, frame: av.AudioFrame) -> Heard:
    """Decoded sound, 16 bits and interleaved, that came at `at`; its first channel."""
    assert frame.pts is not None and frame.time_base is not None
    samples = frame.to_ndarray()[0, :: frame.layout.nb_channels]
    sound = samples.astype(np.float32) / np.float32(32768)
    return Heard(at, float(frame.pts * frame.time_base), sound, frame.sample_rate)


async def open_webrtc(
    url: str, token: str | None, portrait: str | None = None, voice: str | None = None
) -> WebRtcConnection:
    """Open a client.

    Raises:
        JamflowError: the server refuses, or cannot be reached.
    """
    query = {"portrait": portrait, "voice": voice}
    given = {name: value for name, value in query.items() if value is not None}
    connection = WebRtcConnection(token)
    try:
        await connection.open(address(url, "/whep") + (f"?{urlencode(given)}" if given else ""))
    except BaseException:
        await connection.aclose()
        raise
    return connection
