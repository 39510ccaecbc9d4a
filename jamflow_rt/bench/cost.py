"""What a sounding second costs: stage by stage, and by number of evaluations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLES_PER_MOTION
from jamflow_rt.bench.encoding import FrameEncoder
from jamflow_rt.bench.figures import Bar, Figure
from jamflow_rt.bench.sentences import SENTENCES
from jamflow_rt.bench.subject import Subject
from jamflow_rt.bundle import Bundle
from jamflow_rt.evaluate.synthesis import Stopwatch, Synthesiser
from jamflow_rt.render.renderer import Renderer

STAGES = ("text", "sampling", "vocoder", "rendering", "encoding")
GENERATION_BAR = 0.10
"""Seconds that model and vocoder together may take per sounding second of one session."""


def cost_figures(subject: Subject) -> list[Figure]:
    """Seconds of work per sounding second of one session, stage by stage."""
    renderer = subject.renderer(subject.plan.size)
    cost = subject.compute(
        lambda: asyncio.run(measure_cost(subject.bundle, renderer, subject.sentences))
    )
    figures = [Figure(key=stage, name=stage, value=cost[stage], digits=3) for stage in STAGES]
    # Below 1 one session runs in real time even if nothing overlaps.
    return [*figures, Figure(key="sum", name="sum", value=sum(cost.values()), digits=3)]


def factor_figures(subject: Subject) -> list[Figure]:
    """The real-time factor of model and vocoder, by number of evaluations."""
    usual = subject.bundle.sampling.evaluations
    steps = sorted({usual, *subject.plan.evaluations})
    factors = subject.compute(lambda: measure_factors(subject.bundle, steps, subject.sentences))
    return [
        Figure(
            key=f"evaluations_{count}",
            name=f"model and vocoder, {count} evaluations",
            value=factor,
            digits=3,
            bar=Bar(GENERATION_BAR) if count == usual else None,
            note="as the model is shipped" if count == usual else "",
        )
        for count, factor in factors.items()
    ]


async def measure_cost(
    bundle: Bundle, renderer: Renderer, sentences: Sequence[str] = SENTENCES
) -> dict[str, float]:
    """Seconds of each stage per sounding second, one stage after the other."""
    synthesiser = Synthesiser(bundle)
    synthesiser.prepare()
    encoder = FrameEncoder()
    # The first of everything compiles, allocates and fills caches.
    warm = synthesiser(sentences[0])
    await encoder(renderer.render(warm.faces[0]), warm.sound[:SAMPLES_PER_MOTION])
    watch = Stopwatch()
    seconds = 0.0
    for seed, sentence in enumerate(sentences):
        take = synthesiser(sentence, seed, watch)
        seconds += take.seconds
        for face, sound in zip(take.faces, _by_frame(take.sound), strict=True):
            start = perf_counter()
            picture = renderer.render(face)
            watch("rendering", start)
            start = perf_counter()
            await encoder(picture, sound)
            watch("encoding", start)
    encoder.close()
    return {stage: watch.seconds.get(stage, 0.0) / seconds for stage in STAGES}


def measure_factors(
    bundle: Bundle, evaluations: Sequence[int], sentences: Sequence[str] = SENTENCES
) -> dict[int, float]:
    """Evaluations → seconds of model and vocoder per sounding second.

    The sentences are one speech: its windows are short at the beginning only.
    """
    text = " ".join(sentences)
    found = {}
    for count in evaluations:
        synthesiser = Synthesiser(bundle, evaluations=count)
        synthesiser.prepare()
        # The first of everything compiles, allocates and fills caches.
        synthesiser(sentences[0])
        watch = Stopwatch()
        take = synthesiser(text, stopwatch=watch)
        found[count] = (watch.seconds["sampling"] + watch.seconds["vocoder"]) / take.seconds
    return found


def _by_frame(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    return sound.reshape(-1, SAMPLES_PER_MOTION)
