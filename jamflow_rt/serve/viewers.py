"""All viewers of a server: admission, look-up, and the end of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import InvalidInput, Overloaded
from jamflow_rt.serve.webrtc import Viewer, offered_kinds
from jamflow_rt.stream.settings import SessionSettings

if TYPE_CHECKING:
    from jamflow_rt.avatar import Avatar

logger = logging.getLogger(__name__)


class Viewers:
    """The viewers that are being served, at most `config.max_sessions`."""

    def __init__(
        self,
        avatar: Avatar,
        config: ServerConfig,
        *,
        portraits: Collection[str],
        voices: Collection[str],
    ) -> None:
        self._avatar = avatar
        self._config = config
        self._known = {"portrait": tuple(portraits), "voice": tuple(voices)}
        self._viewers: dict[str, Viewer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # Viewers being set up: they count before they have an id.
        self._opening = 0

    def __len__(self) -> int:
        return len(self._tasks) + self._opening

    @property
    def alive(self) -> bool:
        """Whether the avatar can give sessions."""
        return self._avatar.alive

    def __iter__(self) -> Iterator[Viewer]:
        return iter(tuple(self._viewers.values()))

    async def open(self, sdp: str, portrait: str | None, voice: str | None) -> tuple[str, str]:
        """Admit a viewer: its id and the answer to its SDP offer.

        Raises InvalidInput for a bad offer or an unknown name, Overloaded when the server is full.
        """
        self._check_name("portrait", portrait)
        self._check_name("voice", voice)
        offered_kinds(sdp)
        limit = self._config.max_sessions
        if len(self) >= limit:
            taken = f"All {limit} places of this server are" if limit > 1 else "This server is"
            raise Overloaded(f"{taken} taken. Try again in a moment.", retry_after=10.0)
        self._opening += 1
        try:
            session = await self._avatar.session(
                portrait, voice, settings=SessionSettings(max_text=self._config.max_text)
            )
            viewer = Viewer(session, max_text=self._config.max_text)
            try:
                answer = await viewer.answer(sdp)
            except BaseException:
                await viewer.aclose()
                raise
            self._admit(viewer)
        finally:
            self._opening -= 1
        return viewer.id, answer

    async def close(self, viewer_id: str) -> bool:
        """End a viewer and wait until it has ended; False when there is none of that id."""
        viewer = self._viewers.get(viewer_id)
        if viewer is None:
            return False
        viewer.end()
        await asyncio.wait([self._tasks[viewer_id]])
        return True

    async def aclose(self) -> None:
        """End all viewers."""
        for viewer in self._viewers.values():
            viewer.end()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    def _admit(self, viewer: Viewer) -> None:
        task = viewer.start()
        self._viewers[viewer.id] = viewer
        self._tasks[viewer.id] = task
        task.add_done_callback(lambda task: self._forget(viewer.id, task))

    def _forget(self, viewer_id: str, task: asyncio.Task[None]) -> None:
        del self._viewers[viewer_id]
        del self._tasks[viewer_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("viewer %s failed", viewer_id, exc_info=error)

    def _check_name(self, what: str, name: str | None) -> None:
        # Only names that ship: a name from the network must never become a path.
        if name is not None and name not in self._known[what]:
            known = ", ".join(sorted(self._known[what])) or "none"
            raise InvalidInput(f"There is no {what} {name[:80]!r}. There is: {known}.")
