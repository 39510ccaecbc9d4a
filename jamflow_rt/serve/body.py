"""Bodies of requests, bounded in bytes and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

USUAL_BODY: Final = 64 * 1024
"""Bytes of a request; an SDP offer has about 6 kB."""
BODY_SECONDS: Final = 60.0
"""How long a body may take to come: a photograph over a bad line does, a dawdler does not."""


async def read_body(request: Request, limit: int, *, seconds: float = BODY_SECONDS) -> bytes:
    """The body of a request, cut off as soon as it has more than `limit` bytes.

    Raises:
        HTTPException: 413 for too many bytes, 408 for too slow ones, 400 for a lost client.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise _too_long(limit)
    except TimeoutError as error:
        raise HTTPException(408, f"The body did not come within {seconds:g} seconds.") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "The client went away.") from error
    return bytes(body)


class BodyLimit:
    """Middleware: refuses bodies that are too long, by their announcement or as they come.

    Args:
        app: what is protected.
        limits: bytes for certain paths.
        usual: bytes for all others.
    """

    def __init__(
        self, app: ASGIApp, limits: Mapping[str, int] | None = None, usual: int = USUAL_BODY
    ) -> None:
        self._app = app
        self._limits = dict(limits or {})
        self._usual = usual

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Where the application is mounted is no part of the path it knows.
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        limit = self._limits.get(path, self._usual)
        announced = [value for name, value in scope["headers"] if name == b"content-length"]
        # More digits than any limit has are too many, and slow to read as a number.
        if any(not value.isdigit() or len(value) > 18 for value in announced):
            answer = PlainTextResponse("Content-Length is no number of bytes.", 400)
            await answer(scope, receive, send)
            return
        if any(int(value) > limit for value in announced):
            error = _too_long(limit)
            await PlainTextResponse(error.detail, error.status_code)(scope, receive, send)
            return
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise _too_long(limit)
            return message

        await self._app(scope, bounded, send)


def _too_long(limit: int) -> HTTPException:
    return HTTPException(413, f"The body has more than {limit} bytes: send less.")
