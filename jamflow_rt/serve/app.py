"""The ASGI application: the demo page, WHEP signalling, health."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import jamflow_rt
from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import InvalidInput, JamflowError, NotSupported, Overloaded
from jamflow_rt.render.portraits import portrait_names
from jamflow_rt.serve.viewers import Viewers

if TYPE_CHECKING:
    from jamflow_rt.avatar import Avatar

MAX_OFFER: Final = 64 * 1024
"""Longest SDP offer in bytes; browsers send about 6 kB."""
SDP: Final = "application/sdp"

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
    for place in (package / "serve" / "static", package.parent / "clients" / "web"):
        if (place / "index.html").is_file():
            return place
    raise NotSupported(
        "The web page is missing from this installation; reinstall the jamflow-rt package."
    )


def create_app(
    avatar: Avatar, config: ServerConfig, *, portraits: Collection[str] | None = None
) -> Starlette:
    """The server's application around a loaded avatar, which stays the caller's to close.

    `portraits` are the names a viewer may ask for; by default the shipped ones.
    """
    if portraits is None:
        portraits = portrait_names()
    viewers = Viewers(avatar, config, portraits=portraits, voices=avatar.bundle.voices)
    endpoints = Endpoints(avatar, viewers, config, static_dir() / "index.html")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await viewers.aclose()

    app = Starlette(
        routes=[
            Route("/", endpoints.page),
            Route("/healthz", endpoints.healthz),
            Route("/readyz", endpoints.readyz),
            Route("/whep", endpoints.whep_open, methods=["POST"]),
            Route("/whep/{viewer_id}", endpoints.whep_close, methods=["DELETE"]),
            Mount("/static", StaticFiles(directory=static_dir())),
        ],
        exception_handlers={JamflowError: _explain},
        lifespan=lifespan,
    )
    app.state.viewers = viewers
    app.add_middleware(SafeHeaders)
    return app


class Endpoints:
    """What answers the routes."""

    def __init__(self, avatar: Avatar, viewers: Viewers, config: ServerConfig, page: Path) -> None:
        self._avatar = avatar
        self._viewers = viewers
        self._config = config
        self._page = page

    async def page(self, request: Request) -> Response:
        """GET /: the demo page."""
        return FileResponse(self._page, media_type="text/html")

    async def healthz(self, request: Request) -> Response:
        """GET /healthz: whether the server can serve (else 503), and how full it is."""
        alive = self._viewers.alive
        return JSONResponse(
            {
                "status": "ok" if alive else "failed",
                "sessions": len(self._viewers),
                "max_sessions": self._config.max_sessions,
            },
            200 if alive else 503,
        )

    async def readyz(self, request: Request) -> Response:
        """GET /readyz: whether one more viewer would be served; else 503 and why not."""
        reason = self._avatar.obstacle
        if reason is None and len(self._viewers) >= self._config.max_sessions:
            reason = f"All {self._config.max_sessions} places of this server are taken."
        if reason is not None:
            return JSONResponse({"status": "not ready", "reason": reason}, 503)
        return JSONResponse({"status": "ready"})

    async def whep_open(self, request: Request) -> Response:
        """POST /whep: an SDP offer in, the answer out; the Location is for DELETE."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != SDP:
            raise HTTPException(415, f"Send an SDP offer as {SDP}, not {kind or 'untyped'}.")
        body = await _body(request)
        try:
            offer = body.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput("The body is not an SDP offer: it is not UTF-8.") from error
        query = request.query_params
        viewer_id, answer = await self._viewers.open(
            offer, query.get("portrait"), query.get("voice")
        )
        headers = {"Location": f"/whep/{viewer_id}", "ETag": f'"{viewer_id}"'}
        return Response(answer, 201, headers, media_type=SDP)

    async def whep_close(self, request: Request) -> Response:
        """DELETE /whep/{id}: end a viewer."""
        if not await self._viewers.close(request.path_params["viewer_id"]):
            raise HTTPException(404, "There is no such session; it may have ended already.")
        return PlainTextResponse("ended")


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


async def _body(request: Request) -> bytes:
    """The request's body, at most MAX_OFFER bytes of it."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_OFFER:
            raise HTTPException(413, f"An SDP offer has at most {MAX_OFFER} bytes.")
    return body


def _explain(request: Request, error: Exception) -> Response:
    match error:
        case InvalidInput():
            return PlainTextResponse(str(error), 400)
        case Overloaded():
            headers = {"Retry-After": str(round(error.retry_after))}
            return PlainTextResponse(str(error), 503, headers)
        case _:
            return PlainTextResponse(str(error), 500)
