"""The media clock: when the next frame of a session is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from jamflow_rt.beats import MOTION_RATE

FRAME_SECONDS = 1 / MOTION_RATE


class MediaClock:
    """Paces frames of 40 ms. Sound is the master: a frame's time is the sound that went before it.

    Frames are pulled. A reader that is late by up to `patience` gets frames at once until it has
    caught up; when it is later than that, the clock waits where it was: nothing passes while
    nobody looks, and nothing is skipped.

    Args:
        now: monotonic time in seconds; tests pass their own.
        sleep: waits for some seconds; tests pass one that moves their time.
        patience: lateness in seconds that is made up for.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: float = 1.0,
    ) -> None:
        self.now = now
        self._sleep = sleep
        self._patience = patience
        self._start: float | None = None
        # Frames that left, counted since `_start` and in all.
        self._since_start = 0
        self._frames = 0

    @property
    def time(self) -> float:
        """Media time in seconds: the end of the last frame that left."""
        return self._frames / MOTION_RATE

    @property
    def due(self) -> float:
        """When the next frame should leave, on `now`'s scale; never in the past."""
        return max(self._planned(), self.now())

    @property
    def late(self) -> float:
        """Seconds by which the next frame is overdue; 0 when it is not."""
        return max(0.0, self.now() - self._planned())

    def _planned(self) -> float:
        if self._start is None:
            return self.now()
        return self._start + self._since_start / MOTION_RATE

    async def wait(self) -> None:
        """Wait until the next frame is due."""
        now = self.now()
        if self._start is None or now - self._planned() > self._patience:
            self._start, self._since_start = now, 0
        # Also when nothing is to be waited for: others on the loop get their turn.
        await self._sleep(max(0.0, self._planned() - now))

    def tick(self) -> float:
        """One frame leaves. Returns its time on the media clock, in seconds."""
        time = self.time
        self._frames += 1
        self._since_start += 1
        return time
