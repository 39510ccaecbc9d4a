"""Media time that passes as fast as frames can be made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jamflow_rt.stream.clock import MediaClock

_TURNS = 12
"""Turns that others on the event loop get before time passes: enough for a text to come in."""
_WAIT = 0.001
"""Seconds between two looks at the engine."""


class FastTime:
    """A time of its own for one session: it passes when nothing is left to be done.

    Args:
        busy: says whether something is; for an avatar, `lambda: avatar.engine.busy`.
    """

    def __init__(self, busy: Callable[[], bool]) -> None:
        self._busy = busy
        self._seconds = 0.0

    def now(self) -> float:
        """Seconds since the beginning."""
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        """Let others work until they have done what they have to; then time has passed."""
        await self.settle()
        self._seconds += seconds

    async def settle(self) -> None:
        """Let others work, without time passing."""
        # Twice: what the engine made may lead to more.
        for _ in range(2):
            for _turn in range(_TURNS):
                await asyncio.sleep(0)
            # An event would have to come from the engine's insides; a look now and then is enough.
            while self._busy():  # noqa: ASYNC110
                await asyncio.sleep(_WAIT)

    def clock(self) -> MediaClock:
        """A session's clock that shows this time."""
        return MediaClock(self.now, self.sleep)
