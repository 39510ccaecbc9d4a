from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from jamflow_rt.codec.arkit import ArkitMap
from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.offline import frames_of, perform, scheduled
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.sources import Piece, text_piece
from jamflow_rt.stream.speech import Speech
from jamflow_rt.stream.windows import WindowPlanner
from tests.stream_fakes import WINDOWS, FakeFront, FakeVocoder, InlineEngine, Stage, toy_space


def pieces(*texts: str) -> list[Piece]:
    return [text_piece(FakeFront().timeline(text), "speech-1", 0) for text in texts]


def render(engine: InlineEngine, *texts: str) -> list:
    space = toy_space()
    performance = Performance(space, FakeVocoder(), WindowPlanner(WINDOWS, idle=4), seed=1)
    speech = Speech("speech-1", " ".join(texts))
    shots = perform(performance, scheduled(pieces(*texts), speech), cast(Engine, engine))
    return list(frames_of(shots, speech, None, ArkitMap(space.neutral)))


def test_idle_comes_before_and_after_the_speech() -> None:
    frames = render(InlineEngine(), "hello", "big world")
    beats = sum(len(piece.cells) for piece in pieces("hello", "big world"))
    speaking = [frame.speech_id is not None for frame in frames]
    assert speaking == [False] * 8 + [True] * 4 * beats + [False] * 16
    assert [f.time for f in frames] == pytest.approx([n * 0.04 for n in range(len(frames))])
    assert not any(f.sound.any() for f in frames if not f.speech_id)


def test_frames_bring_their_words_phonemes_and_coefficients() -> None:
    frames = render(InlineEngine(), "one two", "three")
    assert [w.text for f in frames for w in f.words] == ["one", "two", "three"]
    assert sum(len(f.phonemes) for f in frames) == len("onetwothree")
    assert len(frames[0].arkit) == 52


def test_windows_grow_through_all_pieces() -> None:
    engine = InlineEngine()
    render(engine, *["abcdefgh"] * 10)  # 4 beats each: 2 + 4 + 4 · 8 + 2
    assert [w.beats for w in engine.sampler.started] == [9, 5, 9, 13, 13, 13, 13, 7, 9]


async def test_the_sound_is_what_a_live_session_says() -> None:
    text = "the same words"
    offline = render(InlineEngine(), text)
    stage = Stage()
    await stage.session.start()
    speech = stage.session.say(text)
    live = await stage.until(lambda: speech.done)
    await stage.session.aclose()
    np.testing.assert_array_equal(
        np.concatenate([f.sound for f in offline if f.speech_id]),
        np.concatenate([f.sound for f in live if f.speech_id]),
    )
