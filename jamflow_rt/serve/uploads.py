"""Portraits of viewers' photographs: made, kept in memory for a while, and forgotten.

The photograph itself is never kept, and nothing is written to the disk. A portrait belongs to the
subject that sent it, and is deleted with the session that uses it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import Failed, InvalidInput, Overloaded
from jamflow_rt.render.portrait import Portrait
from jamflow_rt.serve.auth import Gate, Grant
from jamflow_rt.serve.body import read_body
from jamflow_rt.serve.limits import Limits
from jamflow_rt.serve.photo_worker import TooManyPixels, WrongKind, check_kind, read_answer

KEEP_SECONDS: Final = 600.0
"""How long a portrait waits for a session."""
MAKE_SECONDS: Final = 60.0
"""Making a portrait takes about five on a quiet machine, most of it for starting a process."""
PER_SUBJECT: Final = 3
"""Portraits that wait; a further one takes the place of the oldest."""
MOST: Final = 32
"""Portraits in all; one has about 10 MB."""
AT_WORK: Final = 4
"""Photographs that are in work or wait for it, one at a time being worked on."""


class Shelf(Protocol):
    """Where browsers that draw fetch portraits; see `jamflow_rt.serve.portraits.PortraitPacks`."""

    def add(self, name: str, portrait: Portrait) -> None:
        """Offer one more portrait; takes tenths of a second."""

    def remove(self, name: str) -> None:
        """Forget it."""


MakePortrait = Callable[[bytes], Awaitable[Portrait]]


@dataclass(eq=False, slots=True)
class _Kept:
    subject: str
    portrait: Portrait
    expires: float
    users: set[str] = field(default_factory=set)
    """Sessions that show it; while there are some it does not expire."""


class Uploads:
    """The uploaded portraits. All its methods belong to one event loop.

    Args:
        config: `max_upload` and `max_pixels`.
        make: makes a portrait of a photograph's bytes; by default in a process of its own.
        shelf: is given every portrait that is kept.
        now: monotonic time in seconds; tests pass their own.
    """

    def __init__(
        self,
        config: ServerConfig,
        make: MakePortrait | None = None,
        *,
        shelf: Shelf | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make or PortraitProcess(config.max_pixels)
        self._shelf = shelf
        self._now = now
        self._kept: dict[str, _Kept] = {}
        self._working = asyncio.Lock()
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def add(self, grant: Grant, data: bytes) -> tuple[str, float]:
        """Make a portrait of a photograph and keep it.

        Returns:
            Its id, and the seconds it waits for a session.

        Raises:
            InvalidInput: the photograph will not do.
            NotSupported: MediaPipe is not installed.
            Overloaded: too many are being made, or kept.
            Failed: the portrait maker broke.
        """
        check_kind(data)
        self._sweep()
        if self._waiting >= AT_WORK:
            raise Overloaded("Other portraits are being made: try again in a moment.", 10.0)
        self._waiting += 1
        try:
            async with self._working:
                portrait = await self._make(data)
        finally:
            self._waiting -= 1
        upload_id = f"upload-{secrets.token_urlsafe(16)}"
        if self._shelf is not None:
            await asyncio.to_thread(self._shelf.add, upload_id, portrait)
        try:
            self._make_room(grant.subject)
        except Overloaded:
            self._forget(upload_id)
            raise
        self._kept[upload_id] = _Kept(grant.subject, portrait, self._now() + KEEP_SECONDS)
        # Also when nobody ever asks again.
        asyncio.get_running_loop().call_later(KEEP_SECONDS + 1, self._sweep)
        return upload_id, KEEP_SECONDS

    def portrait(self, upload_id: str, grant: Grant) -> Portrait | None:
        """A portrait, for the subject that sent it; None when there is none of that id."""
        self._sweep()
        kept = self._kept.get(upload_id)
        return kept.portrait if kept is not None and kept.subject == grant.subject else None

    def hold(self, upload_id: str, session_id: str) -> None:
        """A session shows it: it stays until `release`."""
        if kept := self._kept.get(upload_id):
            kept.users.add(session_id)

    def release(self, session_id: str) -> None:
        """A session has ended: what it showed is deleted, unless another shows it as well."""
        for upload_id, kept in list(self._kept.items()):
            if session_id in kept.users:
                kept.users.discard(session_id)
                if not kept.users:
                    self._forget(upload_id)

    def clear(self) -> None:
        """Delete everything."""
        for upload_id in list(self._kept):
            self._forget(upload_id)

    def _sweep(self) -> None:
        now = self._now()
        for upload_id, kept in list(self._kept.items()):
            if not kept.users and kept.expires <= now:
                self._forget(upload_id)

    def _make_room(self, subject: str) -> None:
        self._sweep()
        waiting = [
            key for key, kept in self._kept.items() if kept.subject == subject and not kept.users
        ]
        for upload_id in waiting[: max(0, len(waiting) + 1 - PER_SUBJECT)]:
            self._forget(upload_id)
        if len(self._kept) >= MOST:
            raise Overloaded("The server keeps as many portraits as it can.", 60.0)

    def _forget(self, upload_id: str) -> None:
        self._kept.pop(upload_id, None)
        if self._shelf is not None:
            self._shelf.remove(upload_id)


class PortraitProcess:
    """Makes portraits, each in a process of its own that is ended when it takes too long.

    Args:
        max_pixels: of a photograph.
        seconds: how long one may take.
        command: what is run; tests pass their own.
    """

    def __init__(
        self,
        max_pixels: int,
        seconds: float = MAKE_SECONDS,
        command: tuple[str, ...] = (sys.executable, "-m", "jamflow_rt.serve.photo_worker"),
    ) -> None:
        self._command = (*command, str(max_pixels))
        self._seconds = seconds

    async def __call__(self, data: bytes) -> Portrait:
        """The portrait of a photograph. Raises as `photo_worker.make_portrait`."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(self._seconds):
                answer, _ = await process.communicate(data)
        except TimeoutError as error:
            raise InvalidInput(
                f"No portrait came of this picture within {self._seconds:g} seconds: "
                "take a smaller one."
            ) from error
        finally:
            # Also when the client went away meanwhile.
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode and process.returncode < 0:
            # It was ended by a signal: a decoder crashed, or memory ran out.
            raise InvalidInput("The picture is damaged: reading it broke the reader.")
        if process.returncode:
            raise Failed("The process that makes portraits broke.")
        return await asyncio.to_thread(read_answer, answer)


class UploadEndpoint:
    """`POST /v1/portraits`.

    Args:
        gate: says who asks.
        limits: count the requests.
        uploads: keep the portraits.
        config: `max_upload`.
    """

    def __init__(self, gate: Gate, limits: Limits, uploads: Uploads, config: ServerConfig) -> None:
        self._gate = gate
        self._limits = limits
        self._uploads = uploads
        self._max_upload = config.max_upload

    def routes(self) -> list[Route]:
        """Where it answers."""
        return [Route("/v1/portraits", self.create, methods=["POST"])]

    async def create(self, request: Request) -> Response:
        """POST /v1/portraits: a photograph in, the id for `portrait=` out."""
        grant = self._gate.admit(request, "upload")
        self._limits.request(grant.subject)
        data = await read_body(request, self._max_upload)
        try:
            upload_id, seconds = await self._uploads.add(grant, data)
        except WrongKind as error:
            raise HTTPException(415, str(error)) from error
        except TooManyPixels as error:
            raise HTTPException(413, str(error)) from error
        except InvalidInput as error:
            raise HTTPException(422, str(error)) from error
        answer = {"portrait": upload_id, "expires_at": int(time.time() + seconds)}
        return JSONResponse(answer, 201, {"Cache-Control": "no-store"})
