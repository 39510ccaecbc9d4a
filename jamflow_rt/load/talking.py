"""What a client says, and what it finds while it does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any, Final

from jamflow_rt.bench.sentences import SENTENCES
from jamflow_rt.errors import Failed, JamflowError
from jamflow_rt.load.arrivals import Connection
from jamflow_rt.load.ear import Ear
from jamflow_rt.load.tally import Tally
from jamflow_rt.stream.clock import FRAME_SECONDS

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 1.5
"""Seconds between two sentences. The first also tells one speech's sound from the next one's."""
INTERRUPT_EVERY: Final = 3
"""Of so many sentences, one is interrupted; of the first client's, the second is the first."""
EARLIEST, LATEST = 0.4, 1.2
"""Seconds of sound after which that happens; later where nothing sounds just then."""
SETTLED: Final = 0.4
"""Seconds that a client listens on after an interrupt: more than players keep in their buffers."""
PATIENCE: Final = 15.0
"""Seconds after which what was not heard will not be heard."""
LONGEST: Final = 60.0
"""Seconds that one sentence may last, however slow the server is."""
TAIL: Final = 3.0
"""Seconds before the end in which nothing new is said: who was not heard then has waited long."""


class Talk:
    """Says one sentence after the other, with pauses, and interrupts now and then.

    Args:
        connection: to the server.
        ear: hears what comes of it.
        tally: takes what is found.
        on_interrupt: told of each interrupt, with its time.
        number: of the client; no two of them talk alike.
        sentences: what is said, over and over.
    """

    def __init__(
        self,
        connection: Connection,
        ear: Ear,
        tally: Tally,
        on_interrupt: Callable[[float], None],
        number: int = 0,
        sentences: Sequence[str] = SENTENCES,
    ) -> None:
        self._connection = connection
        self._ear = ear
        self._tally = tally
        self._on_interrupt = on_interrupt
        self._dice = random.Random(number)
        self._number = number
        self._texts: Iterator[str] = islice(cycle(sentences), number % len(sentences), None)

    async def run(self, until: float) -> None:
        """Talk. Returns when nothing more can be said before `until`, on the event loop's clock."""
        turn = self._number
        await self._pause(0.0)
        while _now() < until - TAIL:
            turn += 1
            try:
                await self._say(next(self._texts), interrupt=turn % INTERRUPT_EVERY == 2)
            except JamflowError as error:
                self._tally.note(error)
            await self._pause()

    async def _say(self, text: str, interrupt: bool) -> None:
        sounds = self._ear.expect()
        asked = _now()
        self._tally.said += 1
        ended = asyncio.ensure_future(_end_of(self._connection.say(text)))
        try:
            await _first(PATIENCE, sounds, ended)
            if sounds.done():
                self._tally.waits.append(sounds.result() - asked)
                if interrupt:
                    await self._interrupt(ended)
            await _first(LONGEST if sounds.done() else 0.0, ended)
            if not sounds.done():
                self._tally.unheard += 1
            if not ended.done():
                await self._connection.interrupt()
                what = "ended" if sounds.done() else "was heard"
                raise Failed(f"A speech never {what}.")
            ended.result()
        except asyncio.CancelledError:
            # The client's time is over; TAIL is long enough to have been heard.
            self._tally.unheard += not sounds.done()
            raise
        finally:
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)

    async def _interrupt(self, ended: asyncio.Future[Any]) -> None:
        await _first(self._dice.uniform(EARLIEST, LATEST), ended)
        sounds = self._ear.expect()
        await _first(PATIENCE, sounds, ended)
        if ended.done():
            return  # it was too short
        # Sound comes on a grid; interrupts come at any time between two pieces of it.
        await asyncio.sleep(self._dice.uniform(0, FRAME_SECONDS))
        moment = _now()
        self._on_interrupt(moment)
        await self._connection.interrupt()
        await asyncio.sleep(SETTLED)
        self._tally.silences.append(max(0.0, self._ear.last - moment))

    async def _pause(self, shortest: float = SHORTEST_PAUSE) -> None:
        await asyncio.sleep(self._dice.uniform(shortest, LONGEST_PAUSE))


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _end_of(speech: Awaitable[object]) -> None:
    await speech


async def _first(seconds: float, *futures: asyncio.Future[Any]) -> None:
    """Wait until the first of them is done, or the time is over."""
    await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
