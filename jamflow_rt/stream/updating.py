"""Updating: voice, portrait and speed change while a session runs, all of them or none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.playout import Playout
from jamflow_rt.stream.saying import Saying
from jamflow_rt.stream.studio import PortraitLike, Studio


class Updating:
    """Changes how a session looks and speaks.

    Args:
        studio: finds voices and opens portraits.
        saying: what is said from now on.
        performance: what is generated from now on.
        playout: draws.
        size: of a picture, in pixels.
        check: raises when the session has ended, perhaps while a portrait was opened.
    """

    def __init__(
        self,
        studio: Studio,
        saying: Saying,
        performance: Performance,
        playout: Playout,
        size: int,
        check: Callable[[], None],
    ) -> None:
        self._studio = studio
        self._saying = saying
        self._performance = performance
        self._playout = playout
        self._size = size
        self._check = check

    async def update(
        self, voice: str | None, portrait: PortraitLike | None, speed: float | None
    ) -> None:
        """See `Session.update`."""
        saying = self._saying
        settings = saying.settings if speed is None else saying.settings.at_speed(speed)
        speaker = saying.voice if voice is None else self._studio.find_voice(voice)
        if portrait is not None:
            await self._show(portrait)
        saying.settings, saying.voice = settings, speaker
        self._performance.voice = speaker.number

    async def _show(self, portrait: PortraitLike) -> None:
        if not self._playout.draws:
            raise InvalidInput("The session has no pictures: open one with pictures=True.")
        painter = await asyncio.to_thread(self._studio.open_painter, portrait, self._size)
        self._check()
        self._playout.paint_with(painter)
        if painter.track is not None:
            self._performance.follow(painter.track)
