"""One column of a report: everything that can be said of a set of takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.clicks import Clicks, measure_clicks
from jamflow_rt.evaluate.emphasis import Emphasis, measure_emphasis
from jamflow_rt.evaluate.lips import DrawnLandmarks, Lips, lip_gaps, measure_lips, own_gaps
from jamflow_rt.evaluate.motion import Motion, measure_motion
from jamflow_rt.evaluate.pictures import PictureGallery, PictureScores
from jamflow_rt.evaluate.pitch import Pitch, measure_pitch
from jamflow_rt.evaluate.sync import Sync, measure_sync
from jamflow_rt.evaluate.take import Take
from jamflow_rt.evaluate.words import ErrorCount, character_errors, word_errors

Listener = Callable[[NDArray[np.float32]], str]
Judge = Callable[[NDArray[np.float32]], float]


@dataclass(frozen=True, slots=True)
class Judges:
    """Who listens to sound (N,) at 24 kHz. What has no judge is left out."""

    listener: Listener | None = None
    """What was heard."""
    quality: Judge | None = None
    """DistillMOS."""
    cleanness: Judge | None = None
    """DNSMOS."""
    voice: Judge | None = None
    """Similarity to the teacher's voice."""


@dataclass(frozen=True, slots=True)
class Line:
    """The scores of one take."""

    text: str
    heard: str | None
    word_errors: int | None
    quality: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Scores:
    """What was measured of a set of takes; None for what could not be."""

    sentences: int
    seconds: float
    word_error_rate: float | None = None
    character_error_rate: float | None = None
    quality: float | None = None
    """Mean DistillMOS."""
    cleanness: float | None = None
    """Mean DNSMOS, overall."""
    similarity: float | None = None
    """Mean cosine to the teacher's voice."""
    pitch: Pitch | None = None
    lips: Lips | None = None
    clicks: Clicks | None = None
    sync: Sync | None = None
    motion: Motion | None = None
    emphasis: Emphasis | None = None
    pictures: PictureScores | None = None
    lines: tuple[Line, ...] = ()


def score(
    takes: Iterable[Take],
    judges: Judges,
    renderer: DrawnLandmarks | None = None,
    gallery: PictureGallery | None = None,
    judged: int | None = None,
) -> Scores:
    """Score takes.

    Args:
        takes: may be lazy; each is judged as it comes, and kept for the measures of all together.
        judges: who listens.
        renderer: whose drawn lips are measured; the faces' own if not given.
        gallery: shows the takes to those who judge pictures.
        judged: only so many are heard and shown; the rest is measured without a judge.

    Raises:
        InvalidInput: no take came.
    """
    kept: list[Take] = []
    lines: list[Line] = []
    words, characters = ErrorCount(0, 0), ErrorCount(0, 0)
    marks: dict[str, list[float]] = {"cleanness": [], "similarity": []}
    gaps: list[tuple[Take, NDArray[np.float32]]] = []
    for take in takes:
        if judged is None or len(kept) < judged:
            heard, errors = None, None
            if judges.listener is not None:
                heard = judges.listener(take.sound)
                errors = word_errors(take.text, heard)
                words += errors
                characters += character_errors(take.text, heard)
            quality = judges.quality(take.sound) if judges.quality is not None else None
            if judges.cleanness is not None:
                marks["cleanness"].append(judges.cleanness(take.sound))
            if judges.voice is not None:
                marks["similarity"].append(judges.voice(take.sound))
            missed = errors.errors if errors else None
            lines.append(Line(take.text, heard, missed, quality, take.seconds))
            if gallery is not None:
                gallery.show(take)
        if take.faces:
            gaps.append((take, lip_gaps(take, renderer) if renderer else own_gaps(take)))
        kept.append(take)
    if not kept:
        raise InvalidInput("There is nothing to evaluate: no take came.")
    return Scores(
        sentences=len(kept),
        seconds=sum(take.seconds for take in kept),
        word_error_rate=words.rate if judges.listener else None,
        character_error_rate=characters.rate if judges.listener else None,
        quality=_mean([line.quality for line in lines if line.quality is not None]),
        cleanness=_mean(marks["cleanness"]),
        similarity=_mean(marks["similarity"]),
        pitch=measure_pitch(kept),
        lips=measure_lips(gaps),
        clicks=measure_clicks(kept),
        sync=measure_sync((take.sound, opening) for take, opening in gaps),
        motion=measure_motion(take.faces for take in kept),
        emphasis=measure_emphasis(kept),
        pictures=gallery.scores() if gallery is not None else None,
        lines=tuple(lines),
    )


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
