"""The connection of a remote session: one socket after another, back to the same session."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from jamflow_rt.client import failures
from jamflow_rt.client.addresses import socket_url
from jamflow_rt.errors import Failed, JamflowError, Overloaded
from jamflow_rt.protocol import ErrorEvent, SessionCreated, parse_server_event

log = logging.getLogger(__name__)

SUBPROTOCOL: Final = Subprotocol("jamflow.v1")
OPEN_SECONDS: Final = 30.0
"""How long the server may take to let us in and open a session."""
RESUME_SECONDS: Final = 30.0
"""How long we try to come back; servers do not wait longer unless told to."""
FIRST_DELAY: Final = 0.1
LONGEST_DELAY: Final = 2.0
PING_SECONDS: Final = 10.0
"""A server that answers no ping for so long has vanished."""
MAX_OUTGOING: Final = 4096
"""Messages that wait for the socket: minutes of speech, or a minute of sound."""
MAX_MESSAGE: Final = 4 * 1024 * 1024
"""Bytes of one message from the server; a large key frame has a tenth of it."""


class Link:
    """Carries messages both ways and survives the loss of a socket.

    Args:
        url: of the server.
        query: of the socket's address: media, portrait, voice.
        token: for the server, if it wants one.
        on_message: takes every message that comes, in order.
        on_change: told False when the socket is lost, True when another one took its place.
    """

    def __init__(
        self,
        url: str,
        query: dict[str, str],
        token: str | None,
        on_message: Callable[[str | bytes], Awaitable[None]],
        on_change: Callable[[bool], None],
    ) -> None:
        self._url = url
        self._query = query
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._on_message = on_message
        self._on_change = on_change
        self._socket: ClientConnection | None = None
        self._outgoing: deque[str | bytes] = deque()
        self._wake = asyncio.Event()
        # Events received in all, which tells the server what was lost with a socket.
        self._received = 0
        self._resume_token: str | None = None

    async def open(self) -> SessionCreated:
        """Open a session.

        Raises:
            JamflowError: as `avatar.session`, and NotAuthorized.
        """
        return await self._connect(self._query)

    def send(self, message: str | bytes) -> None:
        """Send a message, as soon as there is a socket.

        Raises:
            Overloaded: too much waits already.
        """
        if len(self._outgoing) >= MAX_OUTGOING:
            raise Overloaded("The connection is too slow for what is sent, or it was lost.", 1.0)
        self._outgoing.append(message)
        self._wake.set()

    async def run(self) -> None:
        """Carry messages until the session ends. Returns when the server ended it in good order.

        Raises:
            JamflowError: why it ended otherwise.
        """
        while True:
            assert self._socket is not None
            await self._carry(self._socket)
            code, reason = self._socket.close_code, self._socket.close_reason
            if code == 1000:
                return
            if code in failures.FINAL_CODES or self._resume_token is None:
                raise failures.closed(code, reason or "")
            self._on_change(False)
            await self._come_back()
            self._on_change(True)

    async def aclose(self) -> None:
        """Close the socket: what was sent goes out, and the server ends the session."""
        if self._socket is not None:
            await self._socket.close()

    async def _carry(self, socket: ClientConnection) -> None:
        writing = asyncio.create_task(self._write(socket))
        try:
            async for message in socket:
                if isinstance(message, str):
                    self._received += 1
                await self._on_message(message)
        except ConnectionClosed:
            pass  # the close code tells the rest
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            while not self._outgoing:
                self._wake.clear()
                await self._wake.wait()
            try:
                await socket.send(self._outgoing[0])
            except ConnectionClosed:
                return  # it goes over the next socket
            self._outgoing.popleft()

    async def _come_back(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + RESUME_SECONDS
        delay = FIRST_DELAY
        while True:
            query = {"resume": self._resume_token or "", "received": str(self._received)}
            try:
                created = await self._connect(self._query | query)
                log.info("Session %s: resumed", created.session_id)
                return
            except _Unreachable as error:
                if loop.time() + delay > until:
                    raise Failed(
                        f"The connection was lost and did not come back: {error}"
                    ) from error
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY)

    async def _connect(self, query: dict[str, str]) -> SessionCreated:
        """A new socket and its first event."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                socket = await open_socket(
                    socket_url(self._url, query),
                    subprotocols=[SUBPROTOCOL],
                    additional_headers=self._headers,
                    # Sound and pictures are compressed already.
                    compression=None,
                    max_size=MAX_MESSAGE,
                    ping_interval=PING_SECONDS,
                    ping_timeout=PING_SECONDS,
                )
                try:
                    created = await self._greeting(socket)
                except BaseException:
                    await socket.close()
                    raise
        except InvalidStatus as error:
            raise failures.refused(error.response.status_code) from error
        except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
            reason = str(error) or type(error).__name__
            raise _Unreachable(f"The server cannot be reached: {reason}.") from error
        self._socket = socket
        self._resume_token = created.resume_token
        return created

    async def _greeting(self, socket: ClientConnection) -> SessionCreated:
        try:
            message = await socket.recv()
            event = parse_server_event(message)
        except ConnectionClosed as error:
            code, reason = socket.close_code, socket.close_reason
            if code in failures.FINAL_CODES:
                raise failures.closed(code, reason or "") from error
            raise _Unreachable("The connection was lost at once.") from error
        except ValidationError as error:
            raise Failed("The server speaks another protocol; check the address.") from error
        if isinstance(event, ErrorEvent):
            raise failures.failure(event)
        if not isinstance(event, SessionCreated):
            raise Failed(f"The server began with {event.type}; is it another version?")
        self._received += 1
        # The session's own account starts with it.
        await self._on_message(message)
        return event


class _Unreachable(Failed):
    """There was no answer; there may be one later."""


def as_failure(error: BaseException) -> JamflowError:
    """Any error as one of ours."""
    return error if isinstance(error, JamflowError) else Failed(f"The client broke: {error!r}.")
