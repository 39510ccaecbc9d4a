"""Random schedules of everything one can do to a session, on a clock that is not real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jamflow_rt.stream.events import (
    SpeechFinished,
    SpeechInterrupted,
    SpeechStarted,
    StateChanged,
    WordSpoken,
)
from jamflow_rt.stream.speech import Speech
from tests.stream_fakes import Stage, tokens

words = st.lists(st.integers(1, 9).map(lambda n: "a" * n), min_size=1, max_size=12)
actions = st.one_of(
    st.tuples(st.just("say"), words),
    st.tuples(st.just("stream"), words, st.integers(0, 60)),
    st.tuples(st.just("fail"), words),
    st.tuples(st.just("push"), st.integers(1, 12_000)),
    st.tuples(st.just("flush")),
    st.tuples(st.just("move"), st.integers(1, 30)),
    st.tuples(st.just("interrupt")),
    st.tuples(st.just("instead"), words),
    st.tuples(st.just("pause")),
    st.tuples(st.just("resume")),
    st.tuples(st.just("listen")),
    st.tuples(st.just("idle")),
    st.tuples(st.just("stall"), st.integers(1, 30)),
    st.tuples(st.just("play"), st.integers(1, 60)),
)


async def failing(parts: list[str]) -> AsyncIterator[str]:
    for part in parts:
        yield part + ". "
    raise ConnectionError("lost")


async def perform(schedule: list[tuple], finish: bool) -> None:
    stage = Stage()
    session = stage.session
    await session.start()
    speeches: dict[str, Speech] = {}
    interrupted: set[str] = set()
    frames = []
    pushing = ""
    paused = False

    async def play(count: int) -> None:
        for _ in range(count):
            frame = await anext(session)
            assert frame.speech_id not in interrupted
            assert frame.epoch == session.epoch
            assert not (paused and frame.speech_id)
            frames.append(frame)

    for name, *values in schedule:
        match name:
            case "say":
                speech = session.say(" ".join(values[0]))
                speeches[speech.id] = speech
            case "stream":
                parts = [word + ". " for word in values[0]]
                speech = session.say(tokens(*parts, pause=values[1]))
                speeches[speech.id] = speech
            case "fail":
                speech = session.say(failing(values[0]))
                speeches[speech.id] = speech
            case "push":
                if pushing == "motion":
                    continue
                speech = session.push_audio(np.full(values[0], 0.1, np.float32), 24_000)
                speeches[speech.id] = speech
                pushing = "sound"
            case "move":
                if pushing == "sound":
                    continue
                size = stage.studio.space.size
                speech = session.push_motion(np.zeros((values[0], size), np.float32))
                speeches[speech.id] = speech
                pushing = "motion"
            case "flush":
                session.flush()
                pushing = ""
            case "interrupt":
                before = [s for s in speeches.values() if not s.done]
                playback = await session.interrupt()
                assert all(s.interrupted for s in before)
                assert playback.speech_id == (before[0].id if before else None)
                interrupted |= {s.id for s in before}
                pushing, paused = "", False
            case "instead":
                before = [s for s in speeches.values() if not s.done]
                speech = session.say(" ".join(values[0]), mode="interrupt")
                assert all(s.interrupted for s in before)
                interrupted |= {s.id for s in before}
                speeches[speech.id] = speech
                pushing, paused = "", False
            case "pause":
                session.pause()
                paused = True
            case "resume":
                session.resume()
                paused = False
            case "listen":
                session.listen()
            case "idle":
                session.idle()
            case "stall":
                stage.engine.hold()
                await play(values[0])
                stage.engine.release()
            case "play":
                await play(values[0])
    if finish:
        paused = False
        session.resume()
        session.idle()
        session.flush()
        while not all(speech.done for speech in speeches.values()):
            await play(1)
            assert len(frames) < 3_000
    await session.aclose()

    ends = [e.speech_id for e in stage.events if isinstance(e, SpeechFinished | SpeechInterrupted)]
    starts = [e.speech_id for e in stage.of(SpeechStarted)]
    assert sorted(ends) == sorted(speeches)
    assert len(set(starts)) == len(starts)
    assert {e.speech_id for e in stage.of(SpeechFinished) if e.playback.position} <= set(starts)
    assert all(speech.done for speech in speeches.values())
    for speech in speeches.values():
        if not speech.interrupted:
            assert speech.spoken_text == " ".join(word.text for word in speech.words)
            assert not speech.unspoken_text
        told = [e.text for e in stage.of(WordSpoken) if e.speech_id == speech.id]
        assert told == [word.text for word in speech.words[: len(told)]]
        assert [w.text for w in speech.spoken_words] == told[: len(speech.spoken_words)]
        assert speech.position <= speech.scheduled + 1e-9
    np.testing.assert_allclose([f.time for f in frames], np.arange(len(frames)) * 0.04, atol=1e-9)
    epochs = [f.epoch for f in frames]
    assert epochs == sorted(epochs)
    heard = {id_: sum(f.speech_id == id_ for f in frames) for id_ in speeches}
    again = any(name == "pause" for name, *_ in schedule)
    for id_, speech in speeches.items():
        # What a pause broke off is heard again.
        assert heard[id_] * 0.04 >= speech.position - 1e-6
        assert again or abs(heard[id_] * 0.04 - speech.position) < 1e-6
    states = ["idle", *(e.state for e in stage.of(StateChanged))]
    assert all(a != b for a, b in zip(states, states[1:], strict=False))
    assert states[-1] == session.state
    assert session.state == "idle" or not finish
    assert [e.time for e in stage.events] == sorted(e.time for e in stage.events)


@settings(max_examples=60)
@given(st.lists(actions, max_size=14), st.booleans())
def test_every_schedule_keeps_the_account(schedule: list[tuple], finish: bool) -> None:
    asyncio.run(perform(schedule, finish))
