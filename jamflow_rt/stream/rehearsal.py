"""A rehearsal: how the model says a text by itself, before it is fitted to something given."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from jamflow_rt.config import Voice
from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.job import Chunk
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.score import Floats
from jamflow_rt.stream.sources import text_piece
from jamflow_rt.stream.studio import Studio
from jamflow_rt.text.timeline import Timeline

PATIENCE = 60.0
"""Seconds from now: the deadline of a window that nobody waits for live."""


class Rehearsal(NamedTuple):
    """A text as the model says it."""

    timeline: Timeline
    """In whole beats."""
    mel: Floats  # (15·beats, 100) whitened
    motion: Floats  # (4·beats, D)


def rehearse(text: str, voice: Voice, studio: Studio) -> Rehearsal:
    """Let the model say a text; nobody hears it. Blocks, and may run in any thread.

    Raises:
        InvalidInput: there is nothing to say in it, or it is in a script that cannot be read.
        Failed: the engine has died.
    """
    timeline = studio.executor.submit(studio.front.timeline, text, 1.0, voice).result().padded()
    performance = studio.performance(0, voice)
    performance.score.extend(text_piece(timeline, "rehearsal", voice.number).cells)
    chunks = list(chunks_of(performance, studio.engine, heard=False))
    return Rehearsal(
        timeline,
        np.concatenate([chunk.mel for chunk in chunks]),
        np.concatenate([chunk.motion for chunk in chunks]),
    )


def chunks_of(performance: Performance, engine: Engine, *, heard: bool = True) -> Iterator[Chunk]:
    """Perform all that is in the score, as fast as the machine can; unheard without its sound."""
    while not performance.idle_next:
        job = performance.next_job()
        made = job if heard else replace(job, voice=None)
        chunk = engine.submit(job.window, time.monotonic() + PATIENCE, made.finish).result()
        performance.accept(job, chunk)
        yield chunk
