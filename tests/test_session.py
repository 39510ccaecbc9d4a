from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest

from jamflow_rt.errors import Failed, InvalidInput
from jamflow_rt.stream import dub
from jamflow_rt.stream.events import (
    Event,
    Metrics,
    SessionFailed,
    SpeechFinished,
    SpeechInterrupted,
    SpeechStarted,
    StateChanged,
    Underrun,
    WordSpoken,
)
from jamflow_rt.stream.given_motion import motion_cells
from jamflow_rt.stream.media import Frame, Playback
from jamflow_rt.stream.reference import CheckedReference, Continuation
from jamflow_rt.stream.score import Primer
from jamflow_rt.stream.sources import Piece, text_piece
from tests.stream_fakes import FakeSampler, InlineEngine, Stage, tokens


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.session.start()
    yield stage
    await stage.session.aclose()


def levels(frames: list[Frame]) -> list[float]:
    return [round(float(np.abs(frame.sound).max()), 4) for frame in frames]


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


async def test_speech_takes_the_place_of_idle_frames_that_were_ready(stage: Stage) -> None:
    await stage.frames(10)
    ready = len(stage.playout)
    speech = stage.session.say("hello")
    frames = await stage.until(lambda: speech.started)
    assert len(frames) < 6 < ready
    assert stage.of(Underrun) == []


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


async def test_speeches_follow_each_other_without_a_gap(stage: Stage) -> None:
    first, second = stage.session.say("first one"), stage.session.say("second one")
    frames = await stage.until(lambda: second.done)
    ids = [f.speech_id for f in frames]
    begin = ids.index(first.id)
    assert ids[begin:] == [first.id] * ids.count(first.id) + [second.id] * ids.count(second.id)
    assert [type(e) for e in stage.events].count(StateChanged) == 3


async def test_tokens_are_said_as_they_come(stage: Stage) -> None:
    speech = stage.session.say(tokens("Hello there my dear. ", "And ", "goodbye.", pause=400))
    frames = await stage.until(lambda: speech.done)
    assert speech.text == "Hello there my dear. And goodbye."
    assert (await speech).spoken_text == "Hello there my dear. And goodbye."
    ids = [f.speech_id for f in frames]
    inside = ids[ids.index(speech.id) :]
    assert None in inside, "the stream was slow, so there is a pause"
    assert stage.of(Underrun) == []
    assert [e.state for e in stage.of(StateChanged)] == ["thinking", "speaking", "idle"]


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


@pytest.mark.parametrize("text", ["", "🎉", "x" * 100_000, "Привет", 7, ["a", "list"]])
async def test_what_cannot_be_said_is_refused_and_changes_nothing(stage: Stage, text: str) -> None:
    with pytest.raises(InvalidInput):
        stage.session.say(text)
    await stage.frames(3)
    assert stage.events == []


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


async def test_pushed_sound_is_the_sound_that_goes_out(stage: Stage) -> None:
    pcm = (0.3 * np.sin(np.arange(30_000) / 10)).astype(np.float32)
    await stage.frames(3)
    speech = None
    frames: list[Frame] = []
    for at in range(0, len(pcm), 1000):
        speech = stage.session.push_audio(pcm[at : at + 1000], 24_000)
        frames += await stage.frames(1)
    assert stage.session.flush() is speech
    assert speech is not None
    frames += await stage.until(lambda: speech.done)
    sound = np.concatenate([f.sound for f in frames if f.speech_id == speech.id])
    np.testing.assert_array_equal(sound[: len(pcm)], pcm)
    assert not sound[len(pcm) :].any()
    given = [
        w for w in stage.engine.sampler.started if not w.mel_masked.any() and not w.text_dropped
    ]
    assert given == [], "given sound leads: nothing of it is generated, the text is dropped"
    assert (await speech).position == pytest.approx(8 * 0.16)


async def test_pushed_sound_is_checked(stage: Stage) -> None:
    with pytest.raises(InvalidInput, match="NaN"):
        stage.session.push_audio(np.array([np.nan], np.float32), 24_000)
    assert stage.session.flush() is None
    stage.session.push_audio(np.zeros(100, np.int16), 16_000)
    with pytest.raises(InvalidInput, match="flush"):
        stage.session.push_audio(np.zeros(100, np.int16), 8_000)


async def test_text_waits_for_pushed_sound_to_be_flushed(stage: Stage) -> None:
    sound = stage.session.push_audio(np.full(8000, 0.2, np.float32), 24_000)
    text = stage.session.say("hello")
    await stage.frames(40)
    assert not text.started
    stage.session.flush()
    await stage.until(lambda: text.done)
    assert sound.done and not sound.interrupted


async def test_interrupting_pushed_sound_begins_a_new_one_after_it(stage: Stage) -> None:
    first = stage.session.push_audio(np.full(8000, 0.2, np.float32), 24_000)
    await stage.session.interrupt()
    assert first.interrupted
    second = stage.session.push_audio(np.full(8000, 0.2, np.float32), 16_000)
    assert second is not first


async def test_late_windows_hold_the_face_and_lose_nothing(stage: Stage) -> None:
    speech = stage.session.say("a" * 60)
    frames = await stage.until(lambda: speech.position > 0.2)
    stage.engine.hold()
    frames += await stage.frames(60)
    assert len(stage.of(Underrun)) == 1
    assert stage.of(Underrun)[0].speech_id == speech.id
    assert frames[-1].motion is frames[-2].motion
    stage.engine.release()
    frames += await stage.until(lambda: speech.done)
    sound = np.concatenate([f.sound for f in frames if f.speech_id == speech.id])
    late = sound.reshape(-1, 256)[:, 250]  # after the short fade in
    np.testing.assert_allclose(late[2:302], np.repeat(np.arange(1, 61), 5) / 100, atol=1e-6)
    assert (await speech).spoken_text == "a" * 60


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


async def test_there_is_one_reader(stage: Stage) -> None:
    first = asyncio.ensure_future(anext(stage.session))
    await asyncio.sleep(0)
    with pytest.raises(InvalidInput, match="one reader"):
        await anext(stage.session)
    await first
    await stage.frames(1)


async def test_a_failing_listener_disturbs_nobody(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError("listener")

    remove = stage.session.on_event(broken)
    speech = stage.session.say("hello")
    await stage.until(lambda: speech.started)
    assert "listener" in caplog.text
    remove()
    caplog.clear()
    await stage.until(lambda: speech.done)
    assert caplog.text == ""
    assert len(stage.of(SpeechFinished)) == 1


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


async def test_say_instead_interrupts_what_is_said_and_what_waits(stage: Stage) -> None:
    first, queued = stage.session.say("a" * 40), stage.session.say("queued")
    await stage.until(lambda: first.position > 0.3)
    speech = stage.session.say("now this", mode="interrupt")
    assert first.interrupted and queued.interrupted
    await stage.until(lambda: speech.done)
    assert (await speech).spoken_text == "now this"
    with pytest.raises(InvalidInput, match="'queue' or 'interrupt'"):
        stage.session.say("no", mode="later")
    with pytest.raises(InvalidInput):
        stage.session.say("", mode="interrupt")


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


async def test_given_motion_plays_as_it_is(stage: Stage) -> None:
    rng = np.random.default_rng(1)
    latents = rng.standard_normal((10, stage.studio.space.size)).astype(np.float32)
    faces = stage.studio.space.decode(latents)
    speech = stage.session.push_motion(faces[:3])
    assert stage.session.push_motion(latents[3:]) is speech
    assert stage.session.flush() is speech
    frames = await stage.until(lambda: speech.done)
    played = [f for f in frames if f.speech_id == speech.id]
    assert len(played) == 12  # whole beats: the last face is held
    for frame, face in zip(played, [*faces, faces[-1], faces[-1]], strict=True):
        np.testing.assert_allclose(frame.motion.landmarks, face.landmarks, atol=1e-4)
        np.testing.assert_allclose(frame.motion.rotation, face.rotation, atol=1e-5)
    assert not any(f.sound.any() for f in played)
    window = stage.engine.sampler.started[-2]
    assert window.motion_masked.any()


async def test_sound_and_motion_are_not_pushed_at_the_same_time(stage: Stage) -> None:
    sound = np.zeros(100, np.float32)
    motion = np.zeros((1, stage.studio.space.size), np.float32)
    stage.session.push_audio(sound, 24_000)
    with pytest.raises(InvalidInput, match="flush"):
        stage.session.push_motion(motion)
    stage.session.flush()
    stage.session.push_motion(motion)
    with pytest.raises(InvalidInput, match="flush"):
        stage.session.push_audio(sound, 24_000)
    for wrong in (motion[0], motion[:0], motion * np.nan, [], ["face"], motion[:, :2]):
        with pytest.raises(InvalidInput, match=r"[Mm]otion"):
            stage.session.push_motion(wrong)


async def test_listening_shows_and_ends(stage: Stage) -> None:
    stage.session.listen()
    assert stage.session.state == "listening"
    assert stage.playout.manner.listening
    speech = stage.session.say("hello")
    await stage.until(lambda: speech.done)
    assert stage.session.state == "listening"
    stage.session.idle()
    assert not stage.playout.manner.listening
    assert [e.state for e in stage.of(StateChanged)] == [
        *("listening", "thinking", "speaking", "listening"),
        "idle",
    ]


async def test_update_changes_voice_and_speed_of_what_follows(stage: Stage) -> None:
    before = stage.session.say("before")
    await stage.session.update(voice="low", speed=2.0)
    after = stage.session.say("after")
    await stage.until(lambda: after.done)
    voices = [w.voice for w in stage.engine.sampler.started if w.mel_masked.any()]
    assert voices == sorted(voices) and set(voices) == {0, 1}
    assert before.done
    for wrong in ({"voice": "none"}, {"speed": 9.0}, {"portrait": "me.jpg"}):
        with pytest.raises(InvalidInput):
            await stage.session.update(**{"voice": "high", "speed": 1.0, **wrong})
    speech = stage.session.say("still low")
    await stage.until(lambda: speech.done)
    assert stage.engine.sampler.started[-1].voice in (0, 1)
    await stage.session.aclose()
    with pytest.raises(Failed):
        await stage.session.update(speed=1.0)


async def test_update_changes_the_portrait_at_once() -> None:
    stage = Stage(pictures=True)
    await stage.session.start()
    before = (await stage.frames(3))[-1].picture
    with pytest.raises(InvalidInput, match="no such portrait"):
        await stage.session.update(portrait="broken", voice="low")
    assert stage.performance.voice == 0
    await stage.session.update(portrait="second", voice="low")
    assert stage.performance.voice == 1
    after = (await stage.frames(1))[-1].picture
    assert before is not None and after is not None
    assert (before[0, 0, 0], after[0, 0, 0]) == (
        sum(b"first") % 256,
        sum(b"second") % 256,
    )
    await stage.session.aclose()


async def test_frames_bring_words_phonemes_and_coefficients(stage: Stage) -> None:
    speech = stage.session.say("one two")
    frames = [f for f in await stage.until(lambda: speech.done) if f.speech_id]
    assert [w.text for f in frames for w in f.words] == ["one", "two"]
    assert [p.symbol for f in frames for p in f.phonemes] == ["a"] * 6
    for index, frame in enumerate(frames):
        for span in (*frame.words, *frame.phonemes):
            assert index * 0.04 - 1e-9 <= span.start < (index + 1) * 0.04
    assert len(frames[0].arkit) == 52


async def test_events_of_one_type_and_metrics(stage: Stage) -> None:
    words: list[str] = []
    remove = stage.session.on("speech.word", lambda event: words.append(event.text))
    with pytest.raises(InvalidInput, match=r"speech\.started"):
        stage.session.on("speech.begun", print)
    speech = stage.session.say("one two")
    await stage.until(lambda: speech.done)
    remove()
    assert words == ["one", "two"]
    again = stage.session.say("three")
    await stage.until(lambda: again.done)
    assert words == ["one", "two"]
    await stage.until(lambda: len(stage.of(Metrics)) == 2)
    first, second = stage.of(Metrics)
    assert second.time - first.time == pytest.approx(5.0)
    assert first.first_frame is not None and 0 < first.first_frame < 0.4
    assert first.underruns == 0 and first.ahead > 0


async def test_a_reference_is_gone_on_from_in_its_voice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = Primer(np.full(60, 7, np.int32), np.full((60, 100), 0.5, np.float32))
    monkeypatch.setattr(
        CheckedReference, "continuation", lambda self, studio, voice: Continuation(past, 2)
    )
    sound = np.full(24_000, 0.1, np.float32)
    with pytest.raises(InvalidInput, match="reference"):
        stage.session.say("hello", reference=(sound[:100], "a"))
    speech = stage.session.say("hello big world", reference=(sound, "some words", None))
    while not speech.done:
        await stage.frames(1)
        await asyncio.sleep(0.001)  # the reference is aligned in a thread of its own
    spoken = [w for w in stage.engine.sampler.started if w.mel_masked.any()]
    assert {w.voice for w in spoken} == {2}
    assert (spoken[0].text[:60] == 7).all()
    assert (await speech).spoken_text == "hello big world"


async def test_a_dub_says_the_text_to_the_given_faces(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def piece(text, motion, speech_id, voice, studio) -> Piece:
        timeline = studio.front.timeline(text, 1.0, voice)
        words = text_piece(timeline, speech_id, voice.number)
        return replace(words, cells=motion_cells(motion, timeline.ids(), speech_id))

    monkeypatch.setattr(dub, "dub_piece", piece)
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((20, stage.studio.space.size)).astype(np.float32)
    speech = stage.session.dub("hello big world", latents)
    frames = []
    while not speech.done:
        frames += await stage.frames(1)
        await asyncio.sleep(0.001)
    dubbed = [f for f in frames if f.speech_id == speech.id]
    assert (await speech).spoken_text == "hello big world"
    assert any(f.sound.any() for f in dubbed)
    for frame, face in zip(dubbed, stage.studio.space.decode(latents), strict=True):
        np.testing.assert_array_equal(frame.motion.landmarks, face.landmarks)
