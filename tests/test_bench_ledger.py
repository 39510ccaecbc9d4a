from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jamflow_rt.bench.ledger import Ledger
from jamflow_rt.stream.events import SpeechFinished, WordSpoken
from jamflow_rt.stream.media import Frame
from tests.stream_fakes import Stage


async def booked(tamper: Any = lambda event: [event]) -> Ledger:
    """The ledger of such a session, in which `tamper` changes each event."""
    ledger = Ledger()
    async with (stage := Stage()).session:

        def listen(event: Any) -> None:
            for kept in tamper(event):
                ledger.event(kept)

        stage.session.on_event(listen)
        for text in ("one two", "three"):
            speech = stage.session.say(text)
            ledger.ask(speech)
            while not speech.done:
                ledger.frame(await anext(stage.session))
        for _ in range(5):
            ledger.frame(await anext(stage.session))
    return ledger


async def test_a_session_keeps_its_books() -> None:
    ledger = await booked()
    assert ledger.faults() == []
    assert ledger.speeches == 2
    assert ledger.spoken_words == 3
    assert ledger.samples == ledger.frames * 960
    assert ledger.drift == 0.0
    assert ledger.clock_error < 1e-9
    assert ledger.word_error < 1e-9
    assert ledger.underruns == 0


async def test_speeches_that_are_over_are_not_kept() -> None:
    ledger = Ledger()
    over = []
    async with (stage := Stage()).session:
        for _ in range(3):
            speech = stage.session.say("one two")
            ledger.ask(speech)
            over.append(weakref.ref(speech))
            while not speech.done:
                ledger.frame(await anext(stage.session))
        del speech
        await stage.frames(5)
        gc.collect()
        assert [speech() is not None for speech in over] == [False, False, True]
    assert ledger.speeches == 3


async def test_a_lost_end_is_found() -> None:
    ledger = await booked(lambda event: [] if isinstance(event, SpeechFinished) else [event])
    assert ledger.faults() == [f"s-{n}: 0 end events, 1 expected" for n in (1, 2)]


async def test_an_end_told_twice_is_found() -> None:
    ledger = await booked(lambda e: [e, e] if isinstance(e, SpeechFinished) else [e])
    assert ledger.faults() == [f"s-{n}: 2 end events, 1 expected" for n in (1, 2)]


async def test_a_lost_word_is_found() -> None:
    lost = await booked(lambda e: [] if isinstance(e, WordSpoken) and e.text == "three" else [e])
    assert lost.faults() == ["s-2: 0 word events, 1 expected"]


async def test_a_word_outside_its_frame_is_found() -> None:
    def late(event: Any) -> list[Any]:
        if isinstance(event, WordSpoken):
            return [replace(event, start=event.start + 0.5)]
        return [event]

    ledger = await booked(late)
    assert 0.45 < ledger.word_error <= 0.5


async def test_a_frame_with_less_sound_drifts() -> None:
    ledger = Ledger()
    async with (stage := Stage()).session:
        for frame in await stage.frames(4):
            ledger.frame(shortened(frame))
    assert ledger.drift == pytest.approx(0.04 * 2)
    assert ledger.clock_error == pytest.approx(0.02 * 3)


def shortened(frame: Frame) -> Frame:
    return replace(frame, sound=np.asarray(frame.sound[:480]))
