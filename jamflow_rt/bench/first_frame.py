"""The wait for a speech: from `say()` to its first frame."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.bench.figures import Figure, milliseconds
from jamflow_rt.bench.sentences import SENTENCES
from jamflow_rt.bench.subject import Subject
from jamflow_rt.stream.session import Session

MEDIAN_BAR, LATE_BAR = 150.0, 250.0
"""Milliseconds that the median and the 95th percentile may take."""
_IDLE_FRAMES = MOTION_RATE // 2
"""Half a second of idling before each trial, so that every one finds the same state."""


def first_frame_figures(subject: Subject) -> list[Figure]:
    """Milliseconds from `say()` to the first speech frame out of a session with pictures."""
    with subject.avatar() as avatar:

        async def measure() -> list[float]:
            async with subject.session(avatar, pictures=True) as session:
                return await measure_first_frame(session, subject.plan.trials)

        waits = asyncio.run(measure())
    return milliseconds(
        "wait", "say() to first speech frame", waits, median_bar=MEDIAN_BAR, late_bar=LATE_BAR
    )


async def measure_first_frame(
    session: Session, trials: int, sentences: Sequence[str] = SENTENCES
) -> list[float]:
    """Seconds from `say()` to the first frame of the speech, in a session that idles before."""
    await _until_first_frame(session, sentences[0])
    return [
        await _until_first_frame(session, sentences[trial % len(sentences)])
        for trial in range(trials)
    ]


async def _until_first_frame(session: Session, text: str) -> float:
    wait = 0.0
    idle = 0
    start: float | None = None
    async for frame in session:
        if start is None:
            idle = idle + 1 if frame.speech_id is None else 0
            if idle >= _IDLE_FRAMES:
                start = perf_counter()
                session.say(text)
        elif frame.speech_id is not None:
            wait = perf_counter() - start
            break
    await session.interrupt()
    return wait
