"""A long conversation at random, as fast as frames can be made: what drifts, leaks, gets lost?"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.bench.figures import Bar, Figure
from jamflow_rt.bench.ledger import Ledger
from jamflow_rt.bench.memory import resident_megabytes
from jamflow_rt.bench.pace import FastTime
from jamflow_rt.bench.sentences import LONG_SENTENCE, SENTENCES
from jamflow_rt.bench.subject import Subject
from jamflow_rt.evaluate.synthesis import Synthesiser
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.speech import Speech

log = logging.getLogger(__name__)

WORD_BAR = 1.0
"""Milliseconds that a word may begin outside its frame: none, but for rounding."""
_WARM = 0.1
"""Share of the soak after which memory is first looked at."""
_LONGEST_WAIT = 10.0
"""Seconds of media time between two turns of the conversation, at most."""
_LOOK, _LOOKS = 0.001, 500
"""Seconds between two looks whether a text is timed, and how many there are at most."""
_CHUNK_RATES = (8_000, 16_000, 24_000, 48_000)
_TURNS = ("say", "say", "say", "queue", "interrupt", "push", "tokens", "idle")
"""What can happen next; what stands more often happens more often."""


def soak_figures(subject: Subject) -> list[Figure]:
    """Differences, losses and growth over minutes of media time."""
    minutes = subject.plan.soak_minutes
    sound = subject.compute(lambda: Synthesiser(subject.bundle)(LONG_SENTENCE).sound)
    ledger = Ledger()
    with subject.avatar() as avatar:

        async def converse() -> tuple[float, float]:
            time = FastTime(lambda: avatar.engine.busy)
            opener = subject.session(avatar, pictures=False, clock=time.clock())
            async with opener as session:
                conversation = Conversation(session, ledger, sound)
                await conversation.go_on(minutes * 60 * _WARM)
                gc.collect()
                before = resident_megabytes()
                await conversation.go_on(minutes * 60 * (1 - _WARM))
                gc.collect()
                after = resident_megabytes()
                await conversation.end()
            return before, after

        before, after = asyncio.run(converse())
    faults = ledger.faults()
    for fault in faults:
        log.warning("Soak: %s", fault)
    return [
        Figure(
            key="minutes", name="media time", value=ledger.frames / MOTION_RATE / 60, unit="min"
        ),
        Figure(key="speeches", name="speeches", value=ledger.speeches),
        Figure(
            key="drift",
            name="difference between sound and face at the end",
            value=1000 * ledger.drift,
            unit="ms",
            bar=Bar(0.0),
        ),
        Figure(
            key="clock",
            name="worst difference between a frame's time and its sound's",
            value=1000 * ledger.clock_error,
            unit="ms",
            digits=3,
            bar=Bar(WORD_BAR),
        ),
        Figure(
            key="words",
            name="worst distance of a word's start from its frame",
            value=1000 * ledger.word_error,
            unit="ms",
            digits=3,
            bar=Bar(WORD_BAR),
            note=f"{ledger.spoken_words} words",
        ),
        Figure(
            key="faults",
            name="events lost or told twice",
            value=len(faults),
            bar=Bar(0),
            note="; ".join(faults[:3]),
        ),
        Figure(key="before", name="memory at the start", value=before, unit="MiB", digits=1),
        Figure(key="after", name="memory at the end", value=after, unit="MiB", digits=1),
    ]


class Conversation:
    """Somebody who talks to a session without a plan.

    Args:
        session: nobody else reads its frames.
        ledger: is given all that happens.
        sound: (N,) at 24 kHz, pushed now and then.
        seed: makes it repeatable, as far as threads are.
    """

    def __init__(
        self,
        session: Session,
        ledger: Ledger,
        sound: NDArray[np.float32],
        seed: int = 0,
    ) -> None:
        self._session = session
        self._ledger = ledger
        self._sound = sound
        self._dice = random.Random(seed)
        self._before: Speech | None = None
        session.on_event(ledger.event)

    async def go_on(self, seconds: float) -> None:
        """Talk for so many seconds of media time."""
        end = self._session.time + seconds
        while self._session.time < end:
            await self._turn(self._dice.choice(_TURNS))
            wait = self._dice.uniform(0.1, _LONGEST_WAIT)
            await self._listen(min(wait, max(0.0, end - self._session.time)))

    async def end(self) -> None:
        """Interrupt what is being said, and hear the silence."""
        await self._session.interrupt()
        await self._listen(1.0)

    async def _turn(self, what: str) -> None:
        match what:
            case "say":
                await self._say(self._text())
            case "queue":
                await self._say(self._text())
                await self._say(self._text())
            case "tokens":
                await self._say(_tokens(self._text()))
            case "push":
                await self._push()
            case "interrupt":
                await self._session.interrupt()

    async def _push(self) -> None:
        """Sound in chunks of any size, at a rate of its own; sometimes nobody hears its end."""
        rate = self._dice.choice(_CHUNK_RATES)
        step = self._dice.randint(rate // 100, rate)
        speech: Speech | None = None
        for first in range(0, len(self._sound), step):
            pushed = self._session.push_audio(self._sound[first : first + step], rate)
            if pushed is not speech:
                speech = self._ask(pushed)
            await self._listen(min(step / rate, 0.2))
        self._session.flush()

    def _ask(self, speech: Speech) -> Speech:
        self._ledger.ask(speech)
        return speech

    def _text(self) -> str:
        return " ".join(self._dice.sample(SENTENCES, self._dice.randint(1, 2)))

    async def _say(self, text: str | AsyncIterator[str]) -> None:
        speech = self._ask(self._session.say(text))
        if self._before is None or self._before.done:
            # Media time would run away from the thread that times the text.
            for _ in range(_LOOKS):
                if speech.scheduled or speech.done:
                    break
                await asyncio.sleep(_LOOK)
        self._before = speech

    async def _listen(self, seconds: float) -> None:
        for _ in range(round(seconds * MOTION_RATE)):
            self._ledger.frame(await anext(self._session))


async def _tokens(text: str) -> AsyncIterator[str]:
    for word in text.split():
        yield word + " "
