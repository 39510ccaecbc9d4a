"""The supply of a live session: keeps its playout ahead of the clock through the engine."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from jamflow_rt.errors import Failed, JamflowError
from jamflow_rt.stream.clock import FRAME_SECONDS
from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.job import Chunk, Job
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.playout import Playout
from jamflow_rt.stream.settings import SessionSettings


class Supply:
    """Moves a performance forward, one window at a time, and its shots into the playout.

    Belongs to the event loop it was made on; only `_report` runs on the engine's thread.

    Args:
        engine: shared by all sessions.
        performance: what to generate.
        playout: where it goes.
        settings: how far ahead.
        on_progress: called when a window has arrived.
        on_failure: called when one cannot be had.
    """

    def __init__(
        self,
        engine: Engine,
        performance: Performance,
        playout: Playout,
        settings: SessionSettings,
        on_progress: Callable[[], None],
        on_failure: Callable[[JamflowError], None],
    ) -> None:
        self._engine = engine
        self._performance = performance
        self._playout = playout
        self._settings = settings
        self._on_progress = on_progress
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        # The window that the engine has of us.
        self._job: tuple[Job, Future[Chunk]] | None = None
        self._closed = False

    def pump(self) -> None:
        """Ask the engine for the next window, when it is time."""
        if self._job is not None or self._closed:
            return
        ahead = len(self._playout) * FRAME_SECONDS
        if ahead >= self._wanted():
            return
        job = self._performance.next_job()
        try:
            future = self._engine.submit(job.window, self._playout.clock.due + ahead, job.finish)
        except Failed as error:
            self._on_failure(error)
            return
        self._job = job, future
        future.add_done_callback(partial(self._report, job))

    def make_way(self) -> None:
        """Speech comes: it takes the place of idle frames, from where it can be ready in time."""
        if self._job is not None and not self._job[0].idle:
            return  # it follows on what is being generated
        self._take_back()
        frame = min(max(self._reach(), self._performance.firm), self._performance.frame)
        self._performance.rewind(frame)
        self._playout.drop_from(frame)

    def cut(self, held_back: int | None = None) -> None:
        """Silence from the next frame on; the face idles as soon as that is generated.

        Args:
            held_back: beats that will be performed again, with all that follows them; None
                forgets everything.
        """
        self._take_back()
        shot = self._playout.next_shot
        silent = self._performance.frame if shot is None else shot.index
        if held_back is None:
            self._performance.forget()
        else:
            self._performance.hold_back(held_back)
        self._performance.cut(silent, self._reach())
        self._playout.drop_from(self._performance.frame)

    def close(self) -> None:
        """Withdraw what the engine has, and ask for nothing more."""
        self._closed = True
        self._take_back()

    def _wanted(self) -> float:
        if not self._performance.idle_next:
            return self._settings.speech_ahead
        if not self._performance.score.awaiting:
            return self._settings.idle_ahead
        # What is awaited comes in time or nearly: idling is for when it does not.
        return self._engine.estimate(self._performance.next_plan().beats)

    def _reach(self) -> int:
        """The first motion frame for which a window asked for now will be ready in time."""
        shot = self._playout.next_shot
        if shot is None:
            return self._performance.frame
        clock = self._playout.clock
        needed = self._engine.estimate(self._performance.next_plan().beats) + self._settings.margin
        wait = needed - (clock.due - clock.now())
        # Never the very next frame: its picture is being drawn.
        return shot.index + max(1, math.ceil(wait / FRAME_SECONDS))

    def _report(self, job: Job, future: Future[Chunk]) -> None:
        """On the engine's thread: hand a window to the event loop."""
        if not future.cancelled() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._land, job, future)

    def _land(self, job: Job, future: Future[Chunk]) -> None:
        if self._job is None or self._job[0] is not job:
            return  # it was taken back while it was on its way
        self._job = None
        error = future.exception()
        if error is not None:
            self._on_failure(error if isinstance(error, JamflowError) else Failed(repr(error)))
            return
        chunk = future.result()
        self._performance.accept(job, chunk)
        self._playout.push(chunk.shots)
        self._on_progress()
        self.pump()

    def _take_back(self) -> None:
        if self._job is not None:
            self._job[1].cancel()
            self._job = None
            self._performance.abandon()
