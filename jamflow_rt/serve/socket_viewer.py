"""One viewer over WebSocket: a session and its conversation, which may outlive their socket."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal

from starlette.websockets import WebSocket, WebSocketDisconnect

from jamflow_rt import protocol
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.errors import JamflowError
from jamflow_rt.serve.conversation import Conversation
from jamflow_rt.serve.logs import session_log
from jamflow_rt.serve.race import race
from jamflow_rt.serve.socket_media import (
    MAX_MOTIONS,
    MAX_PICTURES,
    MediaMode,
    Outbox,
    Packer,
    SocketFeed,
)
from jamflow_rt.stream.session import Session

logger = logging.getLogger(__name__)

Reason = Literal["idle", "time", "server", "client", "failed"]
"""Why a viewer ended, as `session.closed` tells it."""

EXPIRED: Final = 4001
"""Close code: the session's time is over."""
UNKNOWN: Final = 4002
"""Close code: the token brings nobody back, or another socket took this one's place."""
_CODES: Final[dict[Reason, int]] = {
    "client": 1000,
    "server": 1001,
    "failed": 1011,
    "idle": EXPIRED,
    "time": EXPIRED,
}
LEFT: Final = frozenset({1000, 1001, 1002, 1007, 1008, 1009})
"""Close codes after which a client does not come back; any other, or none, is a loss."""
MAX_MESSAGE: Final = 4 * protocol.MAX_MESSAGE
"""Bytes of a message that ends its socket. Shorter ones that are too long earn an error event."""
STALL_SECONDS: Final = 10.0
"""A client that takes nothing for so long has vanished."""
_TOO_LONG: Final = 1009
CLOSE_SECONDS: Final = 5.0
"""How long a client may take to read the last events."""


class SocketViewer:
    """A session over WebSocket; owns it and ends it.

    `start` runs it; `serve` serves it over a socket, and over another one when that was lost.

    Args:
        session: what is shown.
        mode: which media the client wants.
        space: of the model.
        resume_seconds: how long the session goes on without a socket.
        converse: makes the conversation of the function that sends a message.
    """

    def __init__(
        self,
        session: Session,
        mode: MediaMode,
        space: MotionSpace,
        resume_seconds: float,
        converse: Callable[[Callable[[str], None]], Conversation],
    ) -> None:
        self.id: Final = secrets.token_urlsafe(16)
        self.session = session
        self.outbox = Outbox(MAX_MOTIONS if mode == "motion" else MAX_PICTURES)
        self._feed = SocketFeed(self.outbox, mode)
        self._packer = Packer(mode, space)
        self._resume_seconds = resume_seconds
        self.conversation = converse(self._send)
        # Set while there is a socket, and while there is none.
        self._here, self._gone = asyncio.Event(), asyncio.Event()
        self._gone.set()
        # Held by whoever serves the socket; the one before is asked to make way.
        self._turn = asyncio.Lock()
        self._make_way = asyncio.Event()
        self._ended = asyncio.Event()
        self._reason: Reason | None = None

    @property
    def served(self) -> bool:
        """True while there is a socket."""
        return self._here.is_set()

    def start(self, *beside: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
        """Begin; the task ends, everything released, when the session is over.

        Args:
            beside: work that goes on as long; when it ends, the session does.
        """
        return asyncio.create_task(self._run(beside), name=f"socket-viewer-{self.id}")

    def end(self, reason: Reason) -> None:
        """Ask it to end; the client is told why. The first reason is the true one."""
        if self._reason is None:
            self._reason = reason
            self.conversation.tell_closed(reason)
            self.outbox.close()
            self._ended.set()

    async def serve(
        self, socket: WebSocket, first: Callable[[], str] | None, received: int | None
    ) -> None:
        """Serve an accepted socket until it is lost, or the session is over.

        Args:
            socket: nobody else reads or writes it.
            first: makes the event that goes before all others, for a client that comes back.
            received: events that this client has got in all, if it says so.
        """
        self._make_way.set()
        async with self._turn:
            self._make_way = make_way = asyncio.Event()
            self._packer.refresh()
            self.outbox.resume(None if first is None else first(), received)
            self._gone.clear()
            self._here.set()
            try:
                await self._serve(socket, make_way)
            except Exception:
                self.end("failed")
                raise
            finally:
                self.outbox.pause()
                self._here.clear()
                self._gone.set()

    async def _serve(self, socket: WebSocket, make_way: asyncio.Event) -> None:
        reading = asyncio.create_task(self._read(socket))
        writing = asyncio.create_task(self._write(socket))
        yielding = asyncio.create_task(make_way.wait())
        ending = asyncio.create_task(self._ended.wait())
        tasks: list[asyncio.Task[Any]] = [reading, writing, yielding, ending]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if ending.done() and not reading.done():
                # The last events still want to be read.
                await asyncio.wait(
                    [reading, writing], timeout=CLOSE_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in (reading, writing):
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        if not reading.cancelled() and reading.result() == _TOO_LONG:
            await close(socket, _TOO_LONG, f"A message has {protocol.MAX_MESSAGE} bytes at most.")
            self.end("client")
        elif not yielding.cancelled():
            await close(socket, UNKNOWN, "Another connection has taken this session over.")
        elif self._reason is not None:
            await close(socket, _CODES[self._reason])

    async def _read(self, socket: WebSocket) -> int:
        """Take messages until the socket is gone, or must go. Returns the close code."""
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                code: int = message.get("code", 1006)
                logger.info("socket viewer %s: the socket closed with %s", self.id, code)
                if code in LEFT:
                    self.end("client")
                return code
            text, media = message.get("text"), message.get("bytes")
            if len(text or media or "") > MAX_MESSAGE:
                return _TOO_LONG
            if text is not None:
                self.conversation.receive(text)
            elif media is not None:
                self.conversation.receive_media(media)

    async def _write(self, socket: WebSocket) -> None:
        """Send what the outbox holds until it is closed and empty, or the socket is gone."""
        while (item := await self.outbox.get()) is not None:
            if isinstance(item, str):
                sending = socket.send_text(item)
            else:
                message = await self._packer.pack(item)
                if item.epoch < self.outbox.epoch:
                    # An interrupt came while it was encoded.
                    self._packer.refresh()
                    continue
                if message is None:
                    continue
                sending = socket.send_bytes(message)
            try:
                async with asyncio.timeout(STALL_SECONDS):
                    await sending
            # Servers raise RuntimeError where they have closed the socket of their own accord.
            except (WebSocketDisconnect, RuntimeError, TimeoutError):
                logger.info("socket viewer %s: the socket was lost", self.id)
                return

    async def _run(self, beside: tuple[Coroutine[Any, Any, object], ...]) -> None:
        with session_log(self.session.id):
            await self._run_logged(beside)

    async def _run_logged(self, beside: tuple[Coroutine[Any, Any, object], ...]) -> None:
        try:
            await race(
                self._pump(), self._talk(), self._wait_in_vain(), self._ended.wait(), *beside
            )
        except JamflowError as error:
            # The session has told its listeners, and the log.
            logger.info("socket viewer %s: %s", self.id, error)
            self.end("failed")
        except Exception:
            self.end("failed")
            raise
        finally:
            self.end("server")
            await self._release()
            logger.info("socket viewer %s: ended (%s)", self.id, self._reason)

    async def _release(self) -> None:
        try:
            await self.session.aclose()
        finally:
            # Whoever serves the socket still sends the last events.
            async with self._turn:
                self._packer.close()

    async def _pump(self) -> None:
        async for frame in self.session:
            self.conversation.frame(frame)
            self._feed.push(frame)

    async def _talk(self) -> None:
        await self.conversation.run()

    async def _wait_in_vain(self) -> None:
        """Return when there was no socket for too long."""
        while True:
            await self._gone.wait()
            try:
                async with asyncio.timeout(self._resume_seconds):
                    await self._here.wait()
            except TimeoutError:
                self.end("client")
                return
            await self._gone.wait()

    def _send(self, message: str) -> None:
        self.outbox.put_text(message)
        if self.outbox.overfull:
            logger.warning("socket viewer %s: the client does not read its events", self.id)
            self.end("client")


async def close(socket: WebSocket, code: int, reason: str = "") -> None:
    """Close a socket that may be closed already."""
    try:
        # A client that does not read cannot be told.
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close(code, reason)
    except (RuntimeError, WebSocketDisconnect, TimeoutError):
        pass  # it was faster, or is not there
