"""`GET /v1/realtime`: sessions over WebSocket, and the way back to one whose socket was lost."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Final, get_args

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from jamflow_rt import protocol
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import (
    InvalidInput,
    JamflowError,
    NotAuthorized,
    NotSupported,
    Overloaded,
)
from jamflow_rt.serve.conversation import Conversation
from jamflow_rt.serve.event_errors import error_event
from jamflow_rt.serve.greeting import Greeting
from jamflow_rt.serve.resuming import Resuming, new_token
from jamflow_rt.serve.socket_media import MediaMode
from jamflow_rt.serve.socket_viewer import UNKNOWN, SocketViewer, close
from jamflow_rt.stream.session import Session

if TYPE_CHECKING:
    from jamflow_rt.serve.auth import Grant

logger = logging.getLogger(__name__)

PATH: Final = "/v1/realtime"
SUBPROTOCOL: Final = "jamflow.v1"
UNSENT: Final = 32 * 1024
"""Bytes that the kernel keeps for a socket beyond what is on its way. See `keep_prompt`."""
UNHEARD: Final = 20_000
"""Milliseconds after which a connection is dead whose other side does not say it got anything."""

OpenSession = Callable[[str | None, str | None, bool, "Grant"], Awaitable[Session]]
"""Opens a session: portrait, voice, whether pictures are wanted, and for whom. It checks the names,
which come from the network, and admits or raises a JamflowError."""
Converse = Callable[[Session, "Grant", Greeting, Callable[[str], None]], Conversation]
"""Makes a conversation: the session, whose it is, what is told first, and where messages go."""
Beside = Callable[[SocketViewer, "Grant"], Coroutine[Any, Any, object]]
"""Work that goes on as long as a viewer, such as watching its time; when it ends, so does he."""


class Sockets:
    """The endpoint and all viewers over WebSocket.

    Args:
        config: `resume_seconds` is of interest here.
        space: motion space of the model.
        gate: who asks, and what he may do; raises NotAuthorized.
        open_session: admission, and the session.
        converse: makes conversations.
        beside: goes on beside each viewer.
    """

    def __init__(
        self,
        config: ServerConfig,
        space: MotionSpace,
        gate: Callable[[HTTPConnection], Grant],
        open_session: OpenSession,
        converse: Converse,
        beside: Beside | None = None,
    ) -> None:
        self._config = config
        self._space = space
        self._gate = gate
        self._open_session = open_session
        self._converse = converse
        self._beside = beside
        self._resuming: Resuming[SocketViewer] = Resuming()
        self._tasks: dict[SocketViewer, asyncio.Task[None]] = {}
        self._closing = False

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[SocketViewer]:
        return iter(tuple(self._tasks))

    def routes(self) -> list[WebSocketRoute]:
        """The route of the endpoint."""
        return [WebSocketRoute(PATH, self.endpoint)]

    async def endpoint(self, socket: WebSocket) -> None:
        """GET /v1/realtime?media=&portrait=&voice=, or ?resume=&received=."""
        offered = socket.scope.get("subprotocols", ())
        if offered and SUBPROTOCOL not in offered:
            told = f"This server speaks the sub-protocol {SUBPROTOCOL}; offer it."
            await socket.send_denial_response(PlainTextResponse(told, 400))
            return
        try:
            # What is refused is refused inside: browsers tell their pages nothing of an answer
            # that is no socket.
            await socket.accept(SUBPROTOCOL if offered else None)
            try:
                if "resume" in socket.query_params:
                    await self._resume(socket)
                else:
                    await self._begin(socket)
            except JamflowError as error:
                logger.info("socket refused: %s", error)
                await _refuse(socket, error)
        except WebSocketDisconnect:
            pass  # gone before it was served

    async def aclose(self) -> None:
        """End all viewers; those who are there are told."""
        self._closing = True
        for viewer in self:
            viewer.end("server")
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def _begin(self, socket: WebSocket) -> None:
        query = socket.query_params
        mode = _mode(query.get("media", "video"))
        grant = self._gate(socket)
        portrait, voice = query.get("portrait"), query.get("voice")
        session = await self._open_session(portrait, voice, mode == "video", grant)
        try:
            if self._closing:
                raise Overloaded("The server is shutting down.", retry_after=10.0)
            viewer = self._make_viewer(session, mode, grant, portrait, voice)
        except BaseException:
            await session.aclose()
            raise
        await viewer.serve(socket, None, None)

    async def _resume(self, socket: WebSocket) -> None:
        viewer = self._resuming.take(socket.query_params["resume"])
        if viewer is None:
            raise _NobodyWaits("Nobody waits for this token: the session has ended; open another.")
        found = viewer

        def first() -> str:
            token = self._resuming.issue(found)
            created = found.conversation.created(resumed=True, resume_token=token)
            return protocol.dump_event(created)

        await viewer.serve(socket, first, _count(socket.query_params.get("received")))

    def _make_viewer(
        self,
        session: Session,
        mode: MediaMode,
        grant: Grant,
        portrait: str | None,
        voice: str | None,
    ) -> SocketViewer:
        token = new_token()
        greeting = Greeting(voice=voice, portrait=portrait, media=mode, resume_token=token)
        viewer = SocketViewer(
            session,
            mode,
            self._space,
            self._config.resume_seconds,
            lambda send: self._converse(session, grant, greeting, send),
        )
        self._resuming.issue(viewer, token)
        beside = [] if self._beside is None else [self._beside(viewer, grant)]
        task = viewer.start(*beside)
        self._tasks[viewer] = task
        task.add_done_callback(lambda task: self._forget(viewer, task))
        return viewer

    def _forget(self, viewer: SocketViewer, task: asyncio.Task[None]) -> None:
        del self._tasks[viewer]
        self._resuming.revoke(viewer)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("socket viewer %s failed", viewer.id, exc_info=error)


class _NobodyWaits(InvalidInput):
    """A token to resume with that is unknown, used, or too old."""


def keep_prompt(listener: sockets.socket) -> None:
    """Let the kernel keep little for the connections of this listener, and not for long.

    Otherwise seconds of media of a slow client wait where they cannot be dropped any more, and
    those of a client that vanished for a quarter of an hour. Systems that know no such options do
    as they do.
    """
    for name, value in (("TCP_NOTSENT_LOWAT", UNSENT), ("TCP_USER_TIMEOUT", UNHEARD)):
        option = getattr(sockets, name, None)
        if option is not None:
            listener.setsockopt(sockets.IPPROTO_TCP, option, value)


async def _refuse(socket: WebSocket, error: JamflowError) -> None:
    """Say why, and close."""
    event = error_event(error)
    match error:
        case _NobodyWaits():
            event, code = event.model_copy(update={"code": "session_expired"}), UNKNOWN
        case Overloaded():
            code = 1013
        case InvalidInput() | NotAuthorized() | NotSupported():
            code = 1008
        case _:
            code = 1011
    await socket.send_text(protocol.dump_event(event))
    # A reason has 123 bytes; the event says the rest.
    await close(socket, code, event.code)


def _mode(name: str) -> MediaMode:
    for mode in get_args(MediaMode):
        if mode == name:
            found: MediaMode = mode
            return found
    known = ", ".join(get_args(MediaMode))
    raise InvalidInput(f"There is no media {name[:80]!r}. There is: {known}.")


def _count(value: str | None) -> int | None:
    """A number out of an address; None when it is missing or none."""
    # Nobody gets more events than have nine digits.
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 10 else None
