"""How long a speech is still heard after it was interrupted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.bench.figures import Figure, milliseconds
from jamflow_rt.bench.sentences import LONG_SENTENCE
from jamflow_rt.bench.subject import Subject
from jamflow_rt.stream.clock import FRAME_SECONDS
from jamflow_rt.stream.session import Session

Heard = tuple[float, NDArray[np.float32]]
"""When a frame left the session, and its sound, which plays from then on."""

SILENT = 1e-4
"""Samples below −80 dB are silence."""
BAR = 60.0
"""Milliseconds that the 95th percentile may take."""
_EARLIEST, _LATEST = 0.4, 1.2
"""Seconds of speech after which a trial interrupts; later where nothing sounds just then."""
_NO_PAUSE = 2.0
"""Seconds of speech after which it interrupts in any case."""
_SETTLED = 8
"""Frames listened to after the interrupt."""


def interrupt_figures(subject: Subject) -> list[Figure]:
    """Milliseconds from the call of `interrupt()` to silence in what leaves the session."""
    with subject.avatar() as avatar:

        async def measure() -> list[float]:
            async with subject.session(avatar, pictures=True) as session:
                return await measure_interrupts(session, subject.plan.trials)

        times = asyncio.run(measure())
    return milliseconds("silence", "interrupt() to silence", times, late_bar=BAR)


async def measure_interrupts(
    session: Session, trials: int, text: str = LONG_SENTENCE
) -> list[float]:
    """Seconds from `interrupt()` to the first sample of silence, one a trial."""
    # Frames leave on a grid; interrupts come at any time between two of them.
    dice = random.Random(0)
    times = []
    for _ in range(trials):
        position = dice.uniform(_EARLIEST, _LATEST)
        times.append(await _interrupted(session, text, position, dice.uniform(0, FRAME_SECONDS)))
    return times


async def _interrupted(session: Session, text: str, position: float, pause: float) -> float:
    speech = session.say(text)
    heard: list[Heard] = []
    interruption: asyncio.Task[float] | None = None
    settled = 0
    async for frame in session:
        heard.append((perf_counter(), frame.sound))
        if interruption is None:
            sounding = bool((np.abs(frame.sound) > SILENT).any())
            at = speech.position
            if (at >= position and sounding) or at >= _NO_PAUSE or speech.done:
                interruption = asyncio.create_task(_interrupt_after(session, pause))
        elif interruption.done():
            settled += 1
            if settled >= _SETTLED:
                break
    assert interruption is not None
    return seconds_to_silence(heard, await interruption)


async def _interrupt_after(session: Session, pause: float) -> float:
    await asyncio.sleep(pause)
    start = perf_counter()
    await session.interrupt()
    return start


def seconds_to_silence(heard: Iterable[Heard], moment: float) -> float:
    """Seconds from `moment` to the end of the last sample that is not silent."""
    last = moment
    for left, sound in heard:
        loud = np.flatnonzero(np.abs(sound) > SILENT)
        if len(loud):
            last = max(last, left + (int(loud[-1]) + 1) / SAMPLE_RATE)
    return last - moment
