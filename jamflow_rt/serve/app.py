"""The ASGI application: pages, signalling, sockets, tokens, uploads, health."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import jamflow_rt
from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import JamflowError, NotSupported
from jamflow_rt.serve.auth import Gate, check_exposure
from jamflow_rt.serve.body import BodyLimit
from jamflow_rt.serve.exchange import Exchange
from jamflow_rt.serve.ice import IceServers, ice_json
from jamflow_rt.serve.metrics import Metrics, MetricsEndpoint
from jamflow_rt.serve.origin import OriginCheck
from jamflow_rt.serve.portraits import PortraitPacks
from jamflow_rt.serve.portraits import routes as drawing_routes
from jamflow_rt.serve.reception import Reception
from jamflow_rt.serve.refusals import refusal
from jamflow_rt.serve.sweeping import Sweeper
from jamflow_rt.serve.uploads import UploadEndpoint, Uploads
from jamflow_rt.serve.viewers import Viewers
from jamflow_rt.serve.websocket import Sockets
from jamflow_rt.serve.whep import Whep

if TYPE_CHECKING:
    from jamflow_rt.avatar import Avatar

HEADERS: Final = (
    (b"content-security-policy", b"default-src 'self'; img-src 'self' data:; base-uri 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # There is no build step and so no names with hashes: browsers ask each time, and get 304.
    (b"cache-control", b"no-cache"),
)


def static_dir() -> Path:
    """Where the page's files are: in the package as installed, in clients/web as checked out.

    Raises NotSupported when they are in neither place.
    """
    package = Path(jamflow_rt.__file__).parent
    for place in (package / "serve" / "static", package.parent / "clients" / "web" / "src"):
        if (place / "index.html").is_file():
            return place
    raise NotSupported(
        "The web page is missing from this installation; reinstall the jamflow-rt package."
    )


def create_app(
    avatar: Avatar, config: ServerConfig, *, portraits: Collection[str] | None = None
) -> Starlette:
    """The server's application around a loaded avatar, which stays the caller's to close.

    It may be mounted in another application. Starlette and FastAPI then run the lifespan of the
    outer one only, and this one has to be run within it: it collects what viewers leave behind, and
    ends them when the server ends.

        jamflow = create_app(avatar, config)

        @asynccontextmanager
        async def lifespan(app):
            async with jamflow.router.lifespan_context(jamflow):
                yield

        app = Starlette(routes=[Mount("/avatar", jamflow)], lifespan=lifespan)

    Its page wants to be at the root; clients and the browser's SDK take any address
    (`https://www.example.org/avatar/`).

    Args:
        avatar: gives the sessions.
        config: of the server.
        portraits: names a viewer may ask for, the usual one first; by default the shipped ones.

    Raises:
        InvalidInput: strangers could reach an open server, or a setting will not do.
    """
    check_exposure(config)
    gate = Gate(config)
    packs = PortraitPacks(portraits)
    uploads = Uploads(config, shelf=packs)
    metrics = Metrics(lambda: avatar.alive)
    sweeper = Sweeper()
    reception = Reception(avatar, config, uploads, metrics, packs.names, sweeper.soon)
    ice = IceServers(config)
    viewers = Viewers(reception, ice)
    sockets = Sockets(
        config,
        avatar.bundle.mesh,
        lambda connection: gate.admit(connection, "view"),
        lambda portrait, voice, pictures, grant: reception.open(
            portrait, voice, pictures, grant, "websocket"
        ),
        reception.converse,
        beside=lambda viewer, grant: reception.keep_time(viewer.session, viewer.end),
    )
    limits = reception.limits
    endpoints = Endpoints(reception, config, static_dir() / "index.html")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with sweeper:
            yield
            await viewers.aclose()
            await sockets.aclose()
            uploads.clear()

    app = Starlette(
        routes=[
            Route("/", endpoints.page),
            Route("/healthz", endpoints.healthz),
            Route("/readyz", endpoints.readyz),
            *Whep(viewers, ice, gate, limits).routes(),
            *sockets.routes(),
            *Exchange(gate, limits, lambda who: ice_json(ice.for_client(who))).routes(),
            *UploadEndpoint(gate, limits, uploads, config).routes(),
            *drawing_routes(packs, avatar.bundle.mesh, avatar.bundle.voices),
            *MetricsEndpoint(gate, metrics).routes(),
            Mount("/static", StaticFiles(directory=static_dir())),
        ],
        exception_handlers={JamflowError: refusal},
        lifespan=lifespan,
    )
    app.state.viewers, app.state.sockets, app.state.reception = viewers, sockets, reception
    # From the outside in: headers on every answer, foreign pages turned away, bodies bounded.
    app.add_middleware(BodyLimit, limits={"/v1/portraits": config.max_upload})
    app.add_middleware(OriginCheck, config=config)
    app.add_middleware(SafeHeaders)
    return app


class Endpoints:
    """The page, and how the server is."""

    def __init__(self, reception: Reception, config: ServerConfig, page: Path) -> None:
        self._reception = reception
        self._config = config
        self._page = page

    async def page(self, request: Request) -> Response:
        """GET /: the demo page."""
        return FileResponse(self._page, media_type="text/html")

    async def healthz(self, request: Request) -> Response:
        """GET /healthz: whether the server can serve (else 503), and how full it is."""
        alive = self._reception.alive
        return JSONResponse(
            {
                "status": "ok" if alive else "failed",
                "sessions": len(self._reception),
                "max_sessions": self._config.max_sessions,
            },
            200 if alive else 503,
        )

    async def readyz(self, request: Request) -> Response:
        """GET /readyz: whether one more viewer would be served; else 503 and why not."""
        reason = self._reception.obstacle
        if reason is not None:
            return JSONResponse({"status": "not ready", "reason": reason}, 503)
        return JSONResponse({"status": "ready"})


class SafeHeaders:
    """Adds HEADERS to every response that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = Headers(raw=message["headers"])
                added = [(name, value) for name, value in HEADERS if name.decode() not in given]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, send_with_headers)
