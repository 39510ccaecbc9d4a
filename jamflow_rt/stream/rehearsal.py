"""A rehearsal: how the model says a text by itself, before it is fitted to something given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jamflow_rt.config import Voice
from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.job import Chunk
from jamflow_rt.stream.offline import next_chunk
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.score import Floats
from jamflow_rt.stream.sources import text_piece
from jamflow_rt.stream.studio import Studio
from jamflow_rt.text.timeline import Timeline


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
        yield next_chunk(performance, engine, heard=heard)
