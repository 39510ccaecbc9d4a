"""All viewers over WebRTC: how each begins, look-up, and the end of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from typing import Any

from jamflow_rt.errors import Overloaded
from jamflow_rt.serve.auth import Grant
from jamflow_rt.serve.greeting import Greeting
from jamflow_rt.serve.ice import IceServers
from jamflow_rt.serve.offer import read_offer
from jamflow_rt.serve.reception import Reception
from jamflow_rt.serve.webrtc import Viewer

logger = logging.getLogger(__name__)


class Viewers:
    """The viewers over WebRTC that are being served.

    Args:
        reception: gives them sessions.
        ice: servers for our own end.
    """

    def __init__(self, reception: Reception, ice: IceServers) -> None:
        self._reception = reception
        self._ice = ice
        self._viewers: dict[str, Viewer] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closing = False

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Viewer]:
        return iter(tuple(self._viewers.values()))

    def get(self, viewer_id: str) -> Viewer | None:
        """The viewer of that id, while there is one."""
        return self._viewers.get(viewer_id)

    async def open(
        self, sdp: str, portrait: str | None, voice: str | None, grant: Grant
    ) -> tuple[str, str]:
        """Admit a viewer: its id and the answer to its SDP offer.

        Raises InvalidInput for a bad offer or an unknown name, NotAuthorized when the grant is not
        for watching, Overloaded when the server or the subject has no room.
        """
        with self._reception.counted():
            # Before the offer: a name that is wrong is told even if that is as well.
            self._reception.check_names(portrait, voice, grant)
            offer = read_offer(sdp)
        session = await self._reception.open(portrait, voice, True, grant, "webrtc")
        greeting = Greeting(voice=voice, portrait=portrait, media="webrtc")
        viewer: Viewer | None = None
        try:
            if self._closing:
                raise Overloaded("The server is shutting down.", retry_after=10.0)
            viewer = Viewer(
                session,
                lambda send: self._reception.converse(session, grant, greeting, send),
                self._ice.for_server(),
            )
            answer = await viewer.answer(offer)
        except BaseException:
            await (session if viewer is None else viewer).aclose()
            raise
        self._admit(viewer, self._reception.keep_time(session, viewer.end))
        return viewer.id, answer

    async def close(self, viewer_id: str) -> bool:
        """End a viewer and wait until it has ended; False when there is none of that id."""
        viewer = self._viewers.get(viewer_id)
        if viewer is None:
            return False
        viewer.end("client")
        await asyncio.wait([self._tasks[viewer_id]])
        return True

    async def aclose(self) -> None:
        """End all viewers."""
        self._closing = True
        for viewer in self:
            viewer.end("server")
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    def _admit(self, viewer: Viewer, beside: Coroutine[Any, Any, object]) -> None:
        task = viewer.start(beside)
        self._viewers[viewer.id] = viewer
        self._tasks[viewer.id] = task
        task.add_done_callback(lambda task: self._forget(viewer.id, task))

    def _forget(self, viewer_id: str, task: asyncio.Task[None]) -> None:
        del self._viewers[viewer_id]
        del self._tasks[viewer_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("viewer %s failed", viewer_id, exc_info=error)
