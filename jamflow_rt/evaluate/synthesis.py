"""Sentences → takes, with the same windows a live session makes, as fast as the machine can."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, SAMPLE_RATE, SAMPLES_PER_MOTION
from jamflow_rt.bundle import Bundle
from jamflow_rt.codec.face import FaceState
from jamflow_rt.config import SamplingConfig, WindowConfig
from jamflow_rt.errors import NotSupported
from jamflow_rt.evaluate.take import Take
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.flow.window import Window, WindowResult
from jamflow_rt.stream.calibration import trial_windows
from jamflow_rt.stream.job import Shot
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.sound import BeatCutter
from jamflow_rt.stream.sources import text_parts, text_piece
from jamflow_rt.stream.windows import WindowPlanner
from jamflow_rt.text.timeline import PhonemeSpan, Timeline
from jamflow_rt.text.written import CharacterFront

Sample = Callable[[Window], WindowResult]


class Stopwatch:
    """Adds up the seconds spent on the stages of synthesis."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, stage: str, start: float) -> None:
        """Count the time from `start` (`perf_counter`) until now for `stage`."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + perf_counter() - start


class Synthesiser:
    """Performs sentences with a bundle, one after the other, without a clock.

    Args:
        bundle: the models.
        evaluations: Euler steps a window; the bundle's own number when None.
        guidance: weight of the text over none; the bundle's own when None.
        whole: one window a sentence instead of the bundle's growing ones.
        voice: name of the voice; the bundle's usual one when None.

    Raises:
        NotSupported: the bundle reads characters: when its phonemes sound nobody knows.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        evaluations: int | None = None,
        guidance: float | None = None,
        whole: bool = False,
        voice: str | None = None,
    ) -> None:
        if isinstance(bundle.front, CharacterFront):
            raise NotSupported(
                f"{bundle.settings.name} reads characters, and what is measured here needs timed "
                "phonemes: write sound files with `jamflow-rt say` and score them with --audio-dir."
            )
        self._bundle = bundle
        self._front = bundle.front
        self._voice = bundle.voice(voice)
        self._whole = whole
        asked = {"evaluations": evaluations, "guidance": guidance}
        given: dict[str, float] = {n: value for n, value in asked.items() if value is not None}
        if guidance:
            # Distilled sampling has its guidance inside.
            given["distilled"] = False
        self.sampling = SamplingConfig(**{**bundle.sampling.model_dump(), **given})
        self._sampler = Sampler(bundle.model, self.sampling)
        self._sample: Sample = self._sampler.sample

    def prepare(self) -> None:
        """Do what an engine does before its first session: it is faster then. Takes seconds."""
        for window in trial_windows(self._bundle.motion, WindowPlanner(self._bundle.windows)):
            self._sampler.prepare(window)

    def __call__(self, text: str, seed: int = 0, stopwatch: Stopwatch | None = None) -> Take:
        """Perform one text.

        Raises:
            InvalidInput: there is nothing to say in it, or letters of another script.
        """
        watch = stopwatch or Stopwatch()
        start = perf_counter()
        front = self._front
        parts = [front.timeline(part, voice=self._voice) for part in text_parts(text)]
        watch("text", start)
        config = self._bundle.windows
        if self._whole:
            beats = sum(timeline.beats for timeline in parts)
            config = WindowConfig(**{**config.model_dump(), "growth": (beats,)})
        performance = Performance(
            self._bundle.motion,
            self._bundle.vocoder,
            WindowPlanner(config),
            seed,
            self._voice.number,
        )
        # A session idles before it speaks: the first window has that as its past.
        self._window(performance, Stopwatch())
        for timeline in parts:
            performance.score.extend(text_piece(timeline, "take", self._voice.number).cells)
        shots: list[Shot] = []
        edges: list[int] = []
        while not performance.idle_next:
            edges.append(len(shots) * SAMPLES_PER_MOTION)
            shots += self._window(performance, watch)
        # What follows is idle again: the last sound rings out in it.
        edges.append(len(shots) * SAMPLES_PER_MOTION)
        shots += self._window(performance, Stopwatch())[:BEAT_MOTION]
        return Take(
            text=text,
            sound=np.concatenate([shot.sound for shot in shots]),
            faces=tuple(shot.face for shot in shots),
            phonemes=_in_a_row(parts),
            edges=tuple(edges),
        )

    def listen(self, sound: NDArray[np.float32]) -> list[FaceState]:
        """Move the face to a given sound (N,) at 24 kHz, without knowing its words."""
        performance = Performance(
            self._bundle.motion, self._bundle.vocoder, WindowPlanner(self._bundle.windows), seed=0
        )
        performance.score.extend(BeatCutter(SAMPLE_RATE, "heard").push(sound, last=True))
        shots: list[Shot] = []
        while not performance.idle_next:
            shots += self._window(performance, Stopwatch())
        return [shot.face for shot in shots]

    def _window(self, performance: Performance, watch: Stopwatch) -> list[Shot]:
        job = performance.next_job()
        start = perf_counter()
        result = self._sample(job.window)
        watch("sampling", start)
        start = perf_counter()
        chunk = job.finish(result)
        watch("vocoder", start)
        performance.accept(job, chunk)
        return chunk.shots


def _in_a_row(timelines: list[Timeline]) -> tuple[PhonemeSpan, ...]:
    spans: list[PhonemeSpan] = []
    offset = 0
    for timeline in timelines:
        spans += [
            PhonemeSpan(span.symbol, offset + span.start, offset + span.end)
            for span in timeline.phonemes
        ]
        offset += timeline.beats * BEAT_MEL
    return tuple(spans)
