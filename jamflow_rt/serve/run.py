"""The server as a process: load, warm up, listen, end cleanly."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvicorn

from jamflow_rt.avatar import Avatar
from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import NotSupported
from jamflow_rt.serve.app import create_app
from jamflow_rt.serve.auth import Gate, check_exposure
from jamflow_rt.serve.ice import IceServers
from jamflow_rt.serve.socket_viewer import MAX_MESSAGE
from jamflow_rt.serve.websocket import keep_prompt

logger = logging.getLogger(__name__)

WARM_UP = "Hello."
PING_SECONDS = 10.0
"""Between signs of life on a WebSocket, and how long their answer may take."""


def serve(
    config: ServerConfig,
    bundle_path: Path | None = None,
    on_ready: Callable[[str], None] | None = None,
    *,
    device: str = "auto",
    cuda_graphs: bool = False,
) -> None:
    """Serve until SIGTERM or CTRL-C, then end all sessions.

    `on_ready` gets the address, as a URL, once viewers are welcome. Raises NotSupported when
    the port cannot be had, and what `Avatar.load` raises.
    """
    # What the settings lack is told before anything is loaded.
    check_exposure(config)
    Gate(config)
    IceServers(config)
    # First the port: to learn after half a minute of loading that it is taken is annoying.
    with _listen(config) as listener:
        avatar = Avatar.load(
            bundle_path,
            max_sessions=config.max_sessions,
            by_capacity=not config.overcommit,
            badge=config.badge,
            device=device,
            cuda_graphs=cuda_graphs,
        )
        try:
            # The first picture compiles the renderer, the first window builds the kernels.
            next(iter(avatar.render_speech(WARM_UP)))
            # What loading left behind: once there are viewers, it is set aside (serve.sweeping).
            gc.collect()
            _run(avatar, config, listener, on_ready)
        finally:
            avatar.close()


def _run(
    avatar: Avatar,
    config: ServerConfig,
    listener: socket.socket,
    on_ready: Callable[[str], None] | None,
) -> None:
    app = create_app(avatar, config)
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="on",
            ws="websockets-sansio",
            ws_max_size=MAX_MESSAGE,
            ws_per_message_deflate=False,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            # The path of a request that resumes holds a token.
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=5,
        ),
        lambda: on_ready(_url(config.host, listener)) if on_ready else None,
        app.state.sockets.aclose,
    )
    # When all has ended, uvicorn raises the signal that asked for it once more. To us it was a
    # request and is fulfilled: the avatar still wants to be closed, and the exit is a success.
    main = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGTERM, lambda *_: None) if main else None
    try:
        asyncio.run(server.serve(sockets=[listener]))
    except KeyboardInterrupt:
        logger.info("stopped by the keyboard")
    finally:
        if main:
            signal.signal(signal.SIGTERM, previous)


class _Server(uvicorn.Server):
    """uvicorn, telling when it is ready, and ending sessions before it ends their sockets."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None],
        end_sessions: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._end_sessions = end_sessions

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._end_sessions()
        await super().shutdown(sockets)


def _listen(config: ServerConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        listener = socket.create_server((config.host, config.port), family=family, backlog=128)
    except OSError as error:
        raise NotSupported(
            f"Cannot listen on {config.host} port {config.port}: {error.strerror}. "
            "Another server may be running; choose another port."
        ) from error
    keep_prompt(listener)
    return listener


def _url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    # "Every address" is no address to visit.
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
