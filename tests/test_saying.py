from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream import dub
from jamflow_rt.stream.events import StateChanged, Underrun
from jamflow_rt.stream.given_motion import motion_cells
from jamflow_rt.stream.reference import CheckedReference, Continuation
from jamflow_rt.stream.score import Primer
from jamflow_rt.stream.sources import Piece, text_piece
from tests.stream_fakes import Stage, tokens


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


@pytest.mark.parametrize("text", ["", "🎉", "x" * 100_000, "Привет", 7, ["a", "list"]])
async def test_what_cannot_be_said_is_refused_and_changes_nothing(stage: Stage, text: str) -> None:
    with pytest.raises(InvalidInput):
        stage.session.say(text)
    await stage.frames(3)
    assert stage.events == []


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
