"""Which web pages may use the server: its own, and those of the origins that are allowed.

A browser says in the `Origin` header whose page asks. Programs that are no browsers send none and
are let through: they could send anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.auth import is_loopback

ANY: Final = "*"
"""In `allowed_origins`: pages of every origin."""

_PORTS: Final = {"http": 80, "https": 443}
_METHODS: Final = "GET, POST, PATCH, DELETE"
_HEADERS: Final = "Authorization, Content-Type, If-Match"
_EXPOSED: Final = "Location, ETag, Link, Retry-After, Accept-Patch"
_PREFLIGHT_SECONDS: Final = "600"


class Origin(NamedTuple):
    """Where a page comes from."""

    scheme: str
    host: str
    port: int

    @classmethod
    def read(cls, text: str) -> Origin | None:
        """An origin as browsers write it; None when it is none (`null` is none)."""
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            return None
        host = parts.hostname
        if parts.scheme not in _PORTS or not host or parts.username is not None:
            return None
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            return None
        return cls(parts.scheme, host, _PORTS[parts.scheme] if port is None else port)


class OriginCheck:
    """Middleware: refuses requests and WebSockets of foreign pages, and answers allowed ones' CORS.

    Args:
        app: what is protected.
        config: `allowed_origins`. An open server that listens on this machine only believes in its
            own page only under a name of this machine: any other name may have been made to point
            here by the page that asks (DNS rebinding).

    Raises:
        InvalidInput: one of `allowed_origins` is no origin.
    """

    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._app = app
        self._any = ANY in config.allowed_origins
        self._allowed = frozenset(_origins(config.allowed_origins))
        self._local = config.auth_key is None and is_loopback(config.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.getlist("origin")
        if not given:
            await self._app(scope, receive, send)
        elif len(given) == 1 and self._is_own(given[0], headers.get("host", "")):
            await self._app(scope, receive, send)
        elif len(given) == 1 and self._is_allowed(given[0]):
            await self._share(given[0], scope, receive, send)
        else:
            await _refuse(given[0], scope, receive, send)

    def _is_own(self, text: str, host: str) -> bool:
        origin = Origin.read(text)
        if origin is None:
            return False
        # Behind a proxy that ends TLS only the page knows the scheme.
        here = Origin.read(f"{origin.scheme}://{host}")
        return origin == here and not (self._local and not is_loopback(origin.host))

    def _is_allowed(self, text: str) -> bool:
        return self._any or Origin.read(text) in self._allowed

    async def _share(self, origin: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a page of another origin, telling its browser that it may have the answer."""
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        # Vary: a cache must not give one origin's answer to another.
        shared = [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]
        exposed = (b"access-control-expose-headers", _EXPOSED.encode())
        if scope["method"] == "OPTIONS" and _is_preflight(scope):
            answer = Response(
                status_code=204,
                headers={
                    "Access-Control-Allow-Methods": _METHODS,
                    "Access-Control-Allow-Headers": _HEADERS,
                    "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
                },
            )
            answer.raw_headers.extend(shared)
            await answer(scope, receive, send)
            return

        async def send_shared(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *shared, exposed]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_shared)


def _origins(texts: Iterable[str]) -> Iterable[Origin]:
    for text in texts:
        if text == ANY:
            continue
        origin = Origin.read(text)
        if origin is None:
            raise InvalidInput(
                f"{text!r} is no origin: write scheme, host and port as in "
                "https://www.example.org or http://localhost:3000."
            )
        yield origin


def _is_preflight(scope: Scope) -> bool:
    return "access-control-request-method" in Headers(scope=scope)


async def _refuse(origin: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        # Closed before it is accepted: the web server answers 403. An answer with a text would do
        # as well, but uvicorn (0.54) then logs an error for each.
        await send({"type": "websocket.close", "code": 1008, "reason": "origin not allowed"})
        return
    answer = PlainTextResponse(
        f"Pages of {origin[:200]} may not use this server. Its operator can allow them: "
        "--allow-origin.",
        403,
    )
    await answer(scope, receive, send)
