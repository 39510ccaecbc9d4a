"""An engine whose every phoneme has a sound and a face of its own, so that both can be aligned."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar, cast

import numpy as np

from jamflow_rt.beats import MEL_PER_MOTION, N_MELS
from jamflow_rt.codec.vocoder import Vocoder
from jamflow_rt.codec.whitening import SILENCE
from jamflow_rt.config import Voice
from jamflow_rt.flow.window import Window, WindowResult
from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.studio import Studio
from jamflow_rt.stream.windows import WindowPlanner
from jamflow_rt.text.front import ANY_VOICE, TextFront
from jamflow_rt.text.phonemes import SILENCE as SILENT
from jamflow_rt.text.timeline import PhonemeSpan, Timeline, WordSpan
from tests.stream_fakes import (
    WINDOWS,
    FakeVocoder,
    InlineEngine,
    InlineExecutor,
    find_voice,
    toy_space,
)

T = TypeVar("T")


def sounds(text: np.ndarray, voice: int = 0) -> np.ndarray:
    """(15·n, 100) the mel of phoneme ids; another voice sounds otherwise."""
    table = np.random.default_rng(1).normal(0, 0.5, (200, N_MELS)).cumsum(axis=1) / 8
    table += np.random.default_rng(voice).normal(0, 1, N_MELS).cumsum() / 8
    table[0] = SILENCE
    return table[text].astype(np.float32)


def faces(text: np.ndarray) -> np.ndarray:
    """(4·n, D) the latents of phoneme ids; only the mouth moves."""
    size = toy_space().size
    table = np.zeros((200, size), np.float32)
    table[1:, :2] = np.random.default_rng(2).normal(0, 1, (199, 2))
    return table[text[(np.arange(round(len(text) / MEL_PER_MOTION)) * MEL_PER_MOTION).astype(int)]]


class EchoFront:
    """Every letter is a phoneme of 5 mel frames; 2 silent frames before, 5 at least after."""

    def timeline(self, text: str, speed: float = 1.0, voice: Voice = ANY_VOICE) -> Timeline:
        spans, words, at = [PhonemeSpan(SILENT, 0, 2)], [], 2
        for word in text.split():
            words.append(WordSpan(word, at, at + 5 * len(word)))
            for letter in word:
                spans.append(PhonemeSpan(letter, at, at + 5))
                at += 5
        spans.append(PhonemeSpan(SILENT, at, at + 5))
        return Timeline(tuple(spans), tuple(words), at + 5).padded()


class EchoEngine(InlineEngine):
    """Windows come back as their text says; those that were asked for are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[Window] = []

    def submit(
        self, window: Window, deadline: float, finish: Callable[[WindowResult], T]
    ) -> Future[T]:
        self.windows.append(window)
        mel = np.where(window.mel_masked[:, None], sounds(window.text, window.voice), window.mel)
        free = window.motion_masked[:, :1]
        motion = np.where(free, faces(window.text), window.motion)
        future: Future[T] = Future()
        future.set_result(finish(WindowResult(mel, motion)))
        return future


def echo_studio(engine: EchoEngine | None = None) -> Studio:
    """A studio around it."""

    def no_painter(*arguments: Any) -> Any:
        raise AssertionError("nothing is drawn")

    return Studio(
        engine=cast(Engine, engine or EchoEngine()),
        front=cast(TextFront, EchoFront()),
        space=toy_space(),
        vocoder=cast(Vocoder, FakeVocoder()),
        planner=WindowPlanner(WINDOWS, idle=4),
        executor=InlineExecutor(),
        voices=(),
        find_voice=find_voice,
        open_painter=no_painter,
    )
