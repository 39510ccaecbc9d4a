"""Sound in → the same sound and its lips out: the latency of a face that is driven by sound."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE, SAMPLE_RATE, SAMPLES_PER_MOTION
from jamflow_rt.bench.figures import Figure, milliseconds
from jamflow_rt.bench.sentences import LONG_SENTENCE
from jamflow_rt.bench.subject import Subject
from jamflow_rt.evaluate.synthesis import Synthesiser
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.speech import Speech

BAR = 400.0
"""Milliseconds that the 95th percentile may take."""
_CHUNK = SAMPLE_RATE // 50
"""Samples pushed at a time: 20 ms, as a telephone or WebRTC gives them."""
_IDLE_FRAMES = MOTION_RATE // 2
_SAME = 1e-3
"""Difference of samples up to which a frame holds the sound that was pushed."""


@dataclass(slots=True)
class Heard:
    """What came out for the sound that was pushed in."""

    latencies: list[float] = field(default_factory=list)
    """Seconds, one a frame: from when its first sample sounded at the source to its leaving."""
    same: int = 0
    """Frames whose sound is what was pushed, to the sample."""
    fresh: int = 0
    """Frames with a picture of their own: with lips that belong to the sound."""

    @property
    def frames(self) -> int:
        """Frames of the speech."""
        return len(self.latencies)


def listening_figures(subject: Subject) -> list[Figure]:
    """Milliseconds from sound to the same sound and its lips, over all frames of the trials."""
    sound = subject.compute(lambda: Synthesiser(subject.bundle)(LONG_SENTENCE).sound)
    with subject.avatar() as avatar:

        async def measure() -> Heard:
            async with subject.session(avatar, pictures=True) as session:
                return await measure_listening(session, sound, subject.plan.trials)

        heard = asyncio.run(measure())
    return [
        *milliseconds(
            "latency",
            "sound in to sound and lips out",
            heard.latencies,
            late_bar=BAR,
            of=f"frames in {subject.plan.trials} trials",
        ),
        Figure(
            key="same",
            name="frames whose sound is the one pushed in",
            value=100 * heard.same / heard.frames,
            unit="%",
            digits=1,
        ),
        Figure(
            key="fresh",
            name="of them with a picture of their own",
            value=100 * heard.fresh / heard.frames,
            unit="%",
            digits=1,
        ),
    ]


async def measure_listening(session: Session, sound: NDArray[np.float32], trials: int) -> Heard:
    """Push a sound (N,) at 24 kHz in real time, `trials` times, and watch what comes out."""
    heard = Heard()
    for _ in range(trials):
        await _listen(session, sound, heard)
    return heard


async def _listen(session: Session, sound: NDArray[np.float32], heard: Heard) -> None:
    feed: asyncio.Task[tuple[float, Speech]] | None = None
    idle = frames = 0
    last_picture = None
    left: list[float] = []
    async for frame in session:
        if feed is None:
            idle += 1
            if idle >= _IDLE_FRAMES:
                feed = asyncio.create_task(_feed(session, sound))
        if frame.speech_id is not None:
            left.append(perf_counter())
            pushed = sound[frames * SAMPLES_PER_MOTION :][:SAMPLES_PER_MOTION]
            frames += 1
            heard.same += bool(np.abs(frame.sound[: len(pushed)] - pushed).max(initial=0) < _SAME)
            heard.fresh += frame.picture is not last_picture
        last_picture = frame.picture
        if feed is not None and feed.done() and feed.result()[1].done:
            break
    assert feed is not None
    heard.latencies += latencies((await feed)[0], left)


def latencies(start: float, left: list[float]) -> list[float]:
    """Seconds from each frame's first sample at the source to its leaving the session.

    Args:
        start: when the sound's first sample sounded.
        left: when its frames left, in order.
    """
    return [moment - start - index / MOTION_RATE for index, moment in enumerate(left)]


async def _feed(session: Session, sound: NDArray[np.float32]) -> tuple[float, Speech]:
    """Push it as it sounds: a chunk when its last sample has. When it began, and its speech."""
    start = perf_counter()
    speech: Speech | None = None
    for first in range(0, len(sound), _CHUNK):
        chunk = sound[first : first + _CHUNK]
        sounded = start + (first + len(chunk)) / SAMPLE_RATE
        await asyncio.sleep(sounded - perf_counter())
        speech = session.push_audio(chunk, SAMPLE_RATE)
    session.flush()
    assert speech is not None
    return start, speech
