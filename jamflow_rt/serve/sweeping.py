"""What viewers leave behind, collected soon and in little time.

It hangs together in circles: aiortc's connections do, and so does the filter graph that PyAV puts
before Opus, with a thread for each core. Only the garbage collector takes these apart, and left to
itself it first comes when there is a quarter more than there was in all. With torch and a model
that takes dozens of viewers, and then everybody waits while it walks through hundreds of thousands
of objects: 330 ms, measured, enough to be heard. So what was there before the first viewer is set
aside, and the rest is collected after somebody has left.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from types import TracebackType
from typing import Final

logger = logging.getLogger(__name__)

PATIENCE: Final = 1.0
"""Seconds from the end of a session: its connection closes meanwhile, and perhaps others end."""
SHARE: Final = 0.01
"""Of the time; more is not spent on collecting, however many come and go."""


class Sweeper:
    """Collects garbage after sessions have ended. To be used on the event loop's thread.

    While it is entered, what was there before is never collected (`gc.freeze`). Before it is
    entered `soon` only warns, once: a collection would be slow.
    """

    def __init__(self) -> None:
        self._entered = False
        self._warned = False
        self._timer: asyncio.TimerHandle | None = None
        # The event loop's time before which there is no further collection.
        self._rested = 0.0

    def __enter__(self) -> Sweeper:
        gc.freeze()
        self._entered = self._warned = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entered = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gc.unfreeze()

    def soon(self) -> None:
        """Collect in a moment; once, however often it is asked for meanwhile."""
        if not self._warned:
            self._warned = True
            logger.warning(
                "The application's lifespan does not run: what viewers leave behind is collected "
                "late, which can be heard. Is it mounted? See jamflow_rt.serve.app.create_app."
            )
        if self._entered and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time() + PATIENCE, self._rested), self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        start = time.perf_counter()
        gc.collect()
        self._rested = loop.time() + (time.perf_counter() - start) / SHARE
