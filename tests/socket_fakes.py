"""The WebSocket endpoint on a loopback socket; its sessions stand on stages, without a model."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from safetensors.numpy import save
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.client import ClientConnection, connect

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import InvalidInput, NotAuthorized, Overloaded
from jamflow_rt.protocol import SCOPES, MediaFrame
from jamflow_rt.serve.auth import Grant
from jamflow_rt.serve.conversation import Conversation
from jamflow_rt.serve.greeting import Greeting
from jamflow_rt.serve.portraits import motion_tensors
from jamflow_rt.serve.websocket import SUBPROTOCOL, Sockets, keep_prompt
from jamflow_rt.stream.clock import MediaClock
from jamflow_rt.stream.session import Session
from tests.stream_fakes import Stage, toy_space

SPEED = 4
"""Sessions run so many times faster than real ones."""


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds / SPEED)


class Server:
    """Sockets with sessions on stages, which it keeps for the test to look at."""

    def __init__(self, config: ServerConfig) -> None:
        self.stages: list[Stage] = []
        self.max_text = config.max_text
        self.asked: list[tuple[str | None, str | None, bool, Grant]] = []
        self.max_sessions = config.max_sessions
        self.token: str | None = None
        self.space: bytes | None = save(motion_tensors(toy_space()))
        self.port = 0
        self.sockets = Sockets(config, toy_space(), self._gate, self._open_session, self._converse)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_sessions(self) -> int:
        return sum(not stage.session.closed for stage in self.stages)

    def app(self) -> Starlette:
        space = Route("/v1/motion-space", self._space)
        return Starlette(routes=[*self.sockets.routes(), space])

    async def _space(self, request: Request) -> Response:
        return Response(status_code=404) if self.space is None else Response(self.space)

    def _gate(self, connection: HTTPConnection) -> Grant:
        given = connection.headers.get("authorization", "").removeprefix("Bearer ")
        if self.token is not None and given != self.token:
            raise NotAuthorized("This is not the token.")
        return Grant("somebody", SCOPES, None, "")

    async def _open_session(
        self, portrait: str | None, voice: str | None, pictures: bool, grant: Grant
    ) -> Session:
        self.asked.append((portrait, voice, pictures, grant))
        if voice not in (None, "low", "high"):
            raise InvalidInput(f"There is no voice {voice!r}.")
        if self.open_sessions >= self.max_sessions:
            raise Overloaded("All places are taken.")
        stage = Stage(pictures=pictures)
        stage.playout.clock = MediaClock(lambda: time.monotonic() * SPEED, _sleep)
        self.stages.append(stage)
        await stage.session.start()
        return stage.session

    def _converse(
        self, session: Session, grant: Grant, greeting: Greeting, send: Callable[[str], None]
    ) -> Conversation:
        return Conversation(
            session, send, max_text=self.max_text, scopes=grant.scopes, greeting=greeting
        )


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Server]:
    """A server that listens; everything of it is gone afterwards."""
    server = Server(ServerConfig(**settings))
    before = asyncio.all_tasks()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        keep_prompt(listener)
        server.port = listener.getsockname()[1]
        config = uvicorn.Config(
            server.app(), lifespan="off", log_config=None, ws_per_message_deflate=False
        )
        running = uvicorn.Server(config)
        task = asyncio.create_task(running.serve(sockets=[listener]))
        await until(lambda: running.started)
        try:
            yield server
        finally:
            await server.sockets.aclose()
            running.should_exit = True
            await task
    assert server.open_sessions == 0
    # A fixture may end in another task than it began in.
    before.update(filter(None, [asyncio.current_task()]))
    await until(lambda: asyncio.all_tasks() <= before)


async def until(true: Any, seconds: float = 10.0) -> None:
    """Wait until something has come true."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - what is waited for does not tell of itself
            await asyncio.sleep(0.002)


class Client:
    """A client with the bare socket: what it got, in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.got: list[dict[str, Any] | MediaFrame] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        return [item for item in self.got if isinstance(item, dict)]

    @property
    def media(self) -> list[MediaFrame]:
        return [item for item in self.got if isinstance(item, MediaFrame)]

    async def next(self) -> dict[str, Any] | MediaFrame:
        message = await asyncio.wait_for(self.connection.recv(), 10)
        item = json.loads(message) if isinstance(message, str) else MediaFrame.unpack(message)
        self.got.append(item)
        return item

    async def event(self, kind: str) -> dict[str, Any]:
        """The next event of a type; what comes before it is kept in `got`."""
        while True:
            item = await self.next()
            if isinstance(item, dict) and item["type"] == kind:
                return item

    async def until_media(self, count: int) -> list[MediaFrame]:
        """Media, once there is so much of it in all."""
        while len(self.media) < count:
            await self.next()
        return self.media

    async def send(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    def kill(self) -> None:
        """End the connection as a crash does."""
        self.connection.transport.abort()


@asynccontextmanager
async def client(
    server: Server, query: str = "media=audio", **options: Any
) -> AsyncIterator[Client]:
    """A client that is connected."""
    url = f"ws://127.0.0.1:{server.port}/v1/realtime?{query}"
    # Without a limit: what is not read must not keep the closing handshake waiting.
    defaults = {
        "subprotocols": [SUBPROTOCOL],
        "compression": None,
        "proxy": None,
        "max_queue": None,
    }
    options = defaults | options
    async with connect(url, **options) as connection:
        yield Client(connection)
