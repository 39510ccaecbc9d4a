from __future__ import annotations

import asyncio
import gc
import logging
import weakref

import numpy as np
import pytest

from jamflow_rt.errors import Failed
from jamflow_rt.stream.events import (
    SessionFailed,
    SpeechFinished,
    SpeechInterrupted,
    SpeechStarted,
    StateChanged,
    WordSpoken,
)
from jamflow_rt.stream.media import Playback
from tests.stream_fakes import FakeSampler, InlineEngine, Stage, tokens


async def test_it_idles_from_the_beginning(stage: Stage) -> None:
    frames = await stage.frames(40)
    assert [f.time for f in frames] == pytest.approx([n * 0.04 for n in range(40)])
    assert not any(f.sound.any() or f.speech_id for f in frames)
    moved = [
        float(np.abs(b.motion.landmarks - a.motion.landmarks).max())
        for a, b in zip(frames, frames[1:], strict=False)
    ]
    assert min(moved) > 0
    assert stage.events == []
    assert stage.session.state == "idle"
    assert stage.session.time == pytest.approx(1.6)


async def test_a_text_is_said_to_its_end(stage: Stage) -> None:
    await stage.frames(10)
    speech = stage.session.say("hello big world")
    assert (speech.text, speech.done, speech.position) == ("hello big world", False, 0.0)
    await stage.until(lambda: speech.done)
    assert await speech == Playback(
        speech.id, pytest.approx(0.8), "hello big world", speech.words, ""
    )
    assert not speech.interrupted
    kinds = [type(event) for event in stage.events]
    assert kinds[:3] == [StateChanged, StateChanged, SpeechStarted]
    assert kinds[3:] == [WordSpoken, WordSpoken, WordSpoken, SpeechFinished, StateChanged]
    assert [e.state for e in stage.of(StateChanged)] == ["thinking", "speaking", "idle"]
    assert stage.session.state == "idle"


async def test_the_sound_is_the_score_cut_exactly(stage: Stage) -> None:
    speech = stage.session.say("abcdefghijklmnopqrstuvwxyz")
    frames = await stage.until(lambda: speech.done)
    sound = np.concatenate([f.sound for f in frames if f.speech_id == speech.id])
    expected = np.zeros(len(sound) // 256)
    expected[2:132] = np.repeat(np.arange(1, 27), 5) / 100
    np.testing.assert_allclose(sound, np.repeat(expected, 256), atol=1e-6)


async def test_windows_of_a_speech_grow_and_then_idle_follows(stage: Stage) -> None:
    sampler = stage.engine.sampler
    await stage.frames(3)
    before = len(sampler.started)
    speech = stage.session.say("a" * 40)
    await stage.until(lambda: speech.done)
    assert [w.beats for w in sampler.started[before : before + 4]] == [5, 9, 13, 9]
    assert not sampler.started[-1].mel_masked.any()


async def test_a_window_with_nan_ends_the_session_with_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage(InlineEngine(FakeSampler(break_at=3)))
    await stage.session.start()
    speech = stage.session.say("a" * 40)
    with caplog.at_level(logging.ERROR), pytest.raises(Failed, match="not finite"):
        await stage.until(lambda: False)
    with pytest.raises(Failed):
        await speech
    assert stage.left == [stage.session]
    assert stage.session.closed
    assert isinstance(stage.events[-1], SessionFailed)
    assert len(stage.of(SpeechInterrupted)) == 1
    with pytest.raises(Failed, match="not finite"):
        stage.session.say("more")
    with pytest.raises(Failed, match="not finite"):
        await anext(stage.session)
    await stage.session.aclose()


async def test_a_dead_engine_fails_the_session(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    await stage.session.start()
    stage.engine.dead = True
    with caplog.at_level(logging.ERROR), pytest.raises(Failed, match="not running"):
        await stage.until(lambda: False)
    assert stage.session.closed


async def test_closing_interrupts_and_ends_the_iteration(stage: Stage) -> None:
    speech = stage.session.say("a" * 40)
    await stage.until(lambda: speech.started)
    waiting = asyncio.ensure_future(anext(stage.session, None))
    await asyncio.sleep(0)
    await stage.session.aclose()
    await stage.session.aclose()
    assert await waiting is None
    assert [frame async for frame in stage.session] == []
    assert speech.interrupted
    assert stage.left == [stage.session]
    assert len(stage.of(SpeechInterrupted)) == 1
    with pytest.raises(Failed, match="closed"):
        stage.session.say("more")


async def test_closing_leaves_no_task_and_no_memory() -> None:
    tasks = asyncio.all_tasks()
    stage = Stage()
    await stage.session.start()
    stage.session.say("hello")
    stage.session.say(tokens("one. ", "two. ", pause=100))
    stage.session.push_audio(np.zeros(8000, np.float32), 16_000)
    await stage.frames(10)
    await stage.session.aclose()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks
    session, performance = weakref.ref(stage.session), weakref.ref(stage.performance)
    del stage
    gc.collect()
    assert session() is None
    assert performance() is None
