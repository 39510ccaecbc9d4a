"""Clients over the WebSocket: remote sessions that count their bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.client.connecting import MediaMode
from jamflow_rt.client.events import ConnectionLost, RemoteError, RemoteEvent
from jamflow_rt.client.session import RemoteSession
from jamflow_rt.errors import Failed, JamflowError
from jamflow_rt.load.arrivals import Arrival, Heard, Seen
from jamflow_rt.stream import events


class SocketConnection:
    """A client over the WebSocket. Made by `open_socket`.

    Args:
        session: a remote session that is open.
        media: what it takes.
    """

    def __init__(self, session: CountingSession, media: MediaMode) -> None:
        self.underruns = 0
        self.troubles: list[JamflowError] = []
        self._session = session
        self._media = media
        session.on_event(self._on_event)

    async def arrivals(self) -> AsyncIterator[Arrival]:
        """See `jamflow_rt.load.arrivals.Connection`."""
        loop = asyncio.get_running_loop()
        seen: object = None
        async for frame in self._session:
            at = loop.time()
            yield Heard(at, frame.time, frame.sound, SAMPLE_RATE)
            # What a frame lacks, the one before lends it: that is nothing new.
            sight = frame.picture if self._media == "video" else frame.latents
            if sight is not None and sight is not seen:
                seen = sight
                yield Seen(at)

    def say(self, text: str) -> Awaitable[object]:
        """See `jamflow_rt.load.arrivals.Connection`."""
        return self._session.say(text)

    async def interrupt(self) -> None:
        """See `jamflow_rt.load.arrivals.Connection`."""
        await self._session.interrupt()

    async def received(self) -> int:
        """See `jamflow_rt.load.arrivals.Connection`."""
        return self._session.received

    async def aclose(self) -> None:
        """See `jamflow_rt.load.arrivals.Connection`."""
        await self._session.aclose()

    def _on_event(self, event: RemoteEvent) -> None:
        match event:
            case events.Metrics():
                self.underruns = event.underruns
            case RemoteError():
                self.troubles.append(event.error)
            case ConnectionLost():
                self.troubles.append(Failed("The connection was lost; it came back or tried to."))


class CountingSession(RemoteSession):
    """A remote session that counts the bytes of the messages that come."""

    received = 0

    async def _on_message(self, message: str | bytes) -> None:
        self.received += len(message if isinstance(message, bytes) else message.encode())
        await super()._on_message(message)


async def open_socket(
    url: str,
    token: str | None,
    media: MediaMode,
    portrait: str | None = None,
    voice: str | None = None,
) -> SocketConnection:
    """Open a client, as `jamflow_rt.client.connect` does.

    Raises:
        JamflowError: as `connect` does.
    """
    query = {"media": media, "portrait": portrait, "voice": voice}
    given = {name: value for name, value in query.items() if value is not None}
    session = CountingSession(url, given, token)
    await session.open()
    return SocketConnection(session, media)
