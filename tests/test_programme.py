from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from jamflow_rt.stream.events import (
    SpeechFinished,
    SpeechInterrupted,
    SpeechStarted,
    StateChanged,
    Underrun,
    WordSpoken,
)
from jamflow_rt.stream.media import Frame, Playback
from tests.stream_fakes import Stage, tokens


def levels(frames: list[Frame]) -> list[float]:
    return [round(float(np.abs(frame.sound).max()), 4) for frame in frames]


async def test_speech_takes_the_place_of_idle_frames_that_were_ready(stage: Stage) -> None:
    await stage.frames(10)
    ready = len(stage.playout)
    speech = stage.session.say("hello")
    frames = await stage.until(lambda: speech.started)
    assert len(frames) < 6 < ready
    assert stage.of(Underrun) == []


async def test_words_are_told_in_the_frame_in_which_they_begin(stage: Stage) -> None:
    speech = stage.session.say("one three five")
    started: dict[str, float] = {}
    first = None
    while not speech.done:
        count = len(stage.of(WordSpoken))
        frame = await anext(stage.session)
        if frame.speech_id and first is None:
            first = frame.time
        for word in stage.of(WordSpoken)[count:]:
            started[word.text] = frame.time
    assert first is not None
    for word in speech.words:
        assert 0 <= first + word.start - started[word.text] < 0.04 + 1e-9


async def test_frames_bring_words_phonemes_and_coefficients(stage: Stage) -> None:
    speech = stage.session.say("one two")
    frames = [f for f in await stage.until(lambda: speech.done) if f.speech_id]
    assert [w.text for f in frames for w in f.words] == ["one", "two"]
    assert [p.symbol for f in frames for p in f.phonemes] == ["a"] * 6
    for index, frame in enumerate(frames):
        for span in (*frame.words, *frame.phonemes):
            assert index * 0.04 - 1e-9 <= span.start < (index + 1) * 0.04
    assert len(frames[0].arkit) == 52


async def test_speeches_follow_each_other_without_a_gap(stage: Stage) -> None:
    first, second = stage.session.say("first one"), stage.session.say("second one")
    frames = await stage.until(lambda: second.done)
    ids = [f.speech_id for f in frames]
    begin = ids.index(first.id)
    assert ids[begin:] == [first.id] * ids.count(first.id) + [second.id] * ids.count(second.id)
    assert [type(e) for e in stage.events].count(StateChanged) == 3


async def test_an_empty_stream_ends_at_once(stage: Stage) -> None:
    speech = stage.session.say(tokens())
    await stage.frames(2)
    assert (await speech).position == 0.0
    assert [type(e) for e in stage.events] == [StateChanged, SpeechFinished, StateChanged]


async def test_an_error_of_the_producer_ends_its_speech_after_what_was_said(stage: Stage) -> None:
    async def failing() -> AsyncIterator[str]:
        yield "So far so good. "
        raise ConnectionError("the model is gone")

    speech, after = stage.session.say(failing()), stage.session.say("next")
    await stage.until(lambda: after.done)
    with pytest.raises(ConnectionError, match="gone"):
        await speech
    assert speech.interrupted
    assert speech.spoken_text == "So far so good."
    assert isinstance(stage.of(SpeechInterrupted)[0].error, ConnectionError)
    assert (await after).spoken_text == "next"


async def test_a_speech_that_did_not_queue_tells_its_first_frame(stage: Stage) -> None:
    await stage.frames(3)
    asked = stage.time.now()
    stage.session.say("first")
    second = stage.session.say("second")
    await stage.until(lambda: bool(stage.of(SpeechStarted)))
    waited = stage.time.now() - asked
    await stage.until(lambda: second.started)
    first_frames = [event.first_frame for event in stage.of(SpeechStarted)]
    assert first_frames == [pytest.approx(waited, abs=1e-9), None]
    assert waited > 0


async def test_interrupt_silences_at_once_and_says_what_was_heard(stage: Stage) -> None:
    speech, queued = stage.session.say("hello big world"), stage.session.say("and more")
    await stage.until(lambda: speech.position > 0.5)
    playback = await stage.session.interrupt()
    assert playback == speech.playback()
    assert (playback.spoken_text, playback.unspoken_text) == ("hello big", "world")
    assert playback.position_ms == round(1000 * speech.position) > 500
    assert speech.done and speech.interrupted
    assert queued.done and queued.interrupted
    frames = await stage.frames(30)
    assert not frames[0].sound[360:].any()
    assert levels(frames[1:]) == [0.0] * 29
    assert {(f.speech_id, f.epoch) for f in frames} == {(None, 1)}
    assert stage.session.state == "idle"
    assert (await speech) == playback
    assert [e.speech_id for e in stage.of(SpeechInterrupted)] == [speech.id, queued.id]
    assert stage.of(Underrun) == []


async def test_after_an_interrupt_the_face_goes_on_from_what_was_shown(stage: Stage) -> None:
    speech = stage.session.say("a" * 40)
    before = await stage.until(lambda: speech.position > 0.5)
    await stage.session.interrupt()
    frames = before[-1:] + await stage.frames(30)
    steps = [
        b.motion.translation - a.motion.translation
        for a, b in zip(frames, frames[1:], strict=False)
    ]
    np.testing.assert_allclose(steps, np.full((30, 2), 0.001), atol=1e-5)
    window = stage.engine.sampler.started[-1]
    assert not window.text.any()


async def test_it_speaks_again_after_an_interrupt(stage: Stage) -> None:
    first = stage.session.say("a" * 40)
    await stage.until(lambda: first.position > 0.3)
    await stage.session.interrupt()
    second = stage.session.say("again")
    frames = await stage.until(lambda: second.done)
    assert not any(f.speech_id == first.id for f in frames)
    assert (await second).spoken_text == "again"


async def test_an_interrupt_while_idle_is_only_a_new_epoch(stage: Stage) -> None:
    await stage.frames(2)
    assert await stage.session.interrupt() == Playback(None, 0.0, "")
    assert stage.events == []
    assert (await stage.frames(1))[0].epoch == stage.session.epoch == 1


async def test_a_speech_interrupted_before_its_first_frame(stage: Stage) -> None:
    speech = stage.session.say("hello")
    assert await stage.session.interrupt() == Playback(
        speech.id, 0.0, "", unspoken_text=speech.text
    )
    await stage.frames(5)
    assert [type(e) for e in stage.events] == [StateChanged, SpeechInterrupted, StateChanged]


async def test_interrupt_cancels_the_producer(stage: Stage) -> None:
    ends: list[str] = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "And so on and on. "
                await asyncio.sleep(3600)
        finally:
            ends.append("closed")

    speech = stage.session.say(endless())
    await stage.until(lambda: speech.started)
    await stage.session.interrupt()
    await stage.frames(1)
    assert ends == ["closed"]


async def test_a_pause_silences_at_once_and_goes_on_from_the_broken_word(stage: Stage) -> None:
    speech = stage.session.say("hello big world and more")
    await stage.until(lambda: speech.position > 0.5)
    assert speech.words[2].start < 0.5 < speech.words[2].end
    stage.session.pause()
    frames = await stage.frames(40)
    assert not frames[0].sound[360:].any()
    assert levels(frames[1:]) == [0.0] * 39
    assert not speech.done and stage.session.state == "idle"
    stage.session.pause()
    stage.session.resume()
    frames = await stage.until(lambda: speech.done)
    assert (await speech).spoken_text == "hello big world and more"
    assert [e.text for e in stage.of(WordSpoken)] == "hello big world and more".split()
    heard = np.concatenate([f.sound for f in frames if f.speech_id == speech.id])
    start = int((speech.words[2].start + 1e-6) / 0.16) * 0.16
    whole = np.zeros(round((speech.scheduled - start) * 24_000 / 256))
    letters = "".join(word.text for word in speech.words)
    ids = np.repeat(np.arange(1, len(letters) + 1), 5) / 100
    text = np.concatenate([np.zeros(2), ids])[round(start * 93.75) :]
    whole[: len(text)] = text
    np.testing.assert_allclose(heard, np.repeat(whole, 256), atol=1e-6)
    assert [e.state for e in stage.of(StateChanged)] == [
        *("thinking", "speaking", "idle"),
        *("speaking", "idle"),
    ]
    assert stage.of(Underrun) == []


async def test_what_comes_in_a_pause_waits_for_its_end(stage: Stage) -> None:
    stage.session.pause()
    speech = stage.session.say("hello")
    frames = await stage.frames(30)
    assert not any(f.speech_id for f in frames)
    stage.session.resume()
    await stage.until(lambda: speech.done)
    stage.session.pause()
    await stage.session.interrupt()
    speech = stage.session.say("an interruption ends a pause")
    await stage.until(lambda: speech.done)


async def test_a_pause_of_given_sound_repeats_less_than_a_beat(stage: Stage) -> None:
    sound = np.linspace(0, 0.9, 24_000, dtype=np.float32)
    speech = stage.session.push_audio(sound, 24_000)
    stage.session.flush()
    await stage.until(lambda: speech.position > 0.5)
    position = speech.position
    stage.session.pause()
    await stage.frames(10)
    assert position - 0.16 < speech.position <= position
    start = round(speech.position * 24_000)
    stage.session.resume()
    frames = await stage.until(lambda: speech.done)
    heard = np.concatenate([f.sound for f in frames if f.speech_id == speech.id])
    np.testing.assert_array_equal(heard[: len(sound) - start], sound[start:])
