"""Load tests without a server and without waiting: a connection that speaks, and a loop whose time
passes only when nobody has anything left to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine
from typing import Any, TypeVar

import numpy as np

from jamflow_rt.errors import Failed, JamflowError
from jamflow_rt.load.arrivals import Arrival, Heard, Seen

T = TypeVar("T")
FRAME = 0.04
RATE = 24_000


class QuickLoop(asyncio.SelectorEventLoop):
    """Its time stands still while anything can be done, and then jumps to what is due next."""

    def __init__(self) -> None:
        self._seconds = 1000.0
        super().__init__()

    def time(self) -> float:
        return self._seconds

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            due: float = self._scheduled[0].when()  # type: ignore[attr-defined]
            self._seconds = max(self._seconds, due)
        super()._run_once()  # type: ignore[misc]


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run something to its end without waiting for anything."""
    with asyncio.Runner(loop_factory=QuickLoop) as runner:
        return runner.run(work)


class FakeConnection:
    """Sounds 0.2 s after it was asked, for 2 s; silent 50 ms after an interrupt."""

    def __init__(self, wait: float = 0.2, last: float = 2.0) -> None:
        self.underruns = 0
        self.troubles: list[JamflowError] = []
        self.said: list[str] = []
        self.interrupts = 0
        self.closed = False
        self.refusal: JamflowError | None = None
        self.mute = False
        self.fails_after: float | None = None
        self.ends_after: float | None = None
        self.delays: dict[int, float] = {}
        """Seconds by which frames come late, by number."""
        self.sights = True
        self._wait, self._last = wait, last
        self._from = self._until = 0.0
        self._ended: asyncio.Future[None] | None = None

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def arrivals(self) -> AsyncIterator[Arrival]:
        begin = self._now()
        index = 0
        while True:
            due = begin + FRAME * index + self.delays.get(index, 0.0)
            await asyncio.sleep(max(0.0, due - self._now()))
            now = self._now()
            if self.fails_after is not None and now - begin > self.fails_after:
                raise Failed("It broke.")
            if self.ends_after is not None and now - begin > self.ends_after:
                return
            times = now + np.arange(round(FRAME * RATE)) / RATE
            sound = np.where((times >= self._from) & (times < self._until), 0.5, 0.0)
            yield Heard(now, FRAME * index, sound.astype(np.float32), RATE)
            if self.sights:
                yield Seen(now)
            if self._ended is not None and now > self._until and not self._ended.done():
                self._ended.set_result(None)
            index += 1

    def say(self, text: str) -> Awaitable[object]:
        if self.refusal is not None:
            raise self.refusal
        self.said.append(text)
        self._ended = asyncio.get_running_loop().create_future()
        if not self.mute:
            self._from = self._now() + self._wait
            self._until = self._from + self._last
        else:
            self._from = self._until = float("inf")
        return self._ended

    async def interrupt(self) -> None:
        self.interrupts += 1
        self._until = min(self._until, self._now() + 0.05)
        await asyncio.sleep(0.02)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    async def received(self) -> int:
        return 123_000

    async def aclose(self) -> None:
        self.closed = True
