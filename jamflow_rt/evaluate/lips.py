"""Do the lips close for p, b and m?

For each p, b and m the smallest inner-lip gap within one motion frame around the sound is compared
with 15 % of the take's 90th percentile. The same share of all other consonants and vowels is what
chance would give.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Protocol
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MEL_PER_MOTION
from jamflow_rt.codec.face import FaceState
from jamflow_rt.evaluate.take import Take
from jamflow_rt.text.timeline import PhonemeSpan

UPPER_INNER_LIP, LOWER_INNER_LIP = 13, 14
CLOSED_SHARE = 0.15
MARGIN = 1
"""Motion frames before and after a phoneme that count as its own."""
_BILABIALS = frozenset("pbm")


class DrawnLandmarks(Protocol):
    """A renderer that can tell where it draws the landmarks."""

    def landmarks(self, face: FaceState) -> NDArray[np.float32]:
        """(478, 2) x, y in pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Lips:
    """Lip closure over a set of takes."""

    bilabials: int
    closed: float
    """Share of p, b and m in which the lips close."""
    others: int
    chance: float
    """The same share of the other phonemes."""

    @property
    def above_chance(self) -> float:
        """`closed` without what chance gives."""
        return self.closed - self.chance


def lip_gaps(take: Take, renderer: DrawnLandmarks) -> NDArray[np.float32]:
    """Inner-lip gap of the rendered face in pixels, (frames,)."""
    points = [renderer.landmarks(face) for face in take.faces]
    return np.array(
        [np.linalg.norm(p[UPPER_INNER_LIP] - p[LOWER_INNER_LIP]) for p in points], np.float32
    )


def own_gaps(take: Take) -> NDArray[np.float32]:
    """Inner-lip gap of the faces themselves in canonical units, (frames,)."""
    return np.array([face.inner_lip_gap() for face in take.faces], np.float32)


def measure_lips(takes: Iterable[tuple[Take, NDArray[np.float32]]]) -> Lips | None:
    """Closure of takes with their lip gaps; None when nothing was said with p, b or m."""
    at_bilabials: list[bool] = []
    at_others: list[bool] = []
    for take, gaps in takes:
        limit = CLOSED_SHARE * float(np.percentile(gaps, 90)) if len(gaps) else 0.0
        for span in take.phonemes:
            if span.symbol in _BILABIALS:
                at_bilabials.append(closes(gaps, span, limit))
            elif _is_sound(span.symbol):
                at_others.append(closes(gaps, span, limit))
    if not at_bilabials:
        return None
    return Lips(
        bilabials=len(at_bilabials),
        closed=float(np.mean(at_bilabials)),
        others=len(at_others),
        chance=float(np.mean(at_others)) if at_others else 0.0,
    )


def closes(gaps: Sequence[float] | NDArray[np.float32], span: PhonemeSpan, limit: float) -> bool:
    """Whether the gap falls under `limit` within the span ± `MARGIN` motion frames."""
    first = max(0, floor(span.start / MEL_PER_MOTION) - MARGIN)
    last = min(len(gaps), ceil(span.end / MEL_PER_MOTION) + MARGIN)
    return bool(min(gaps[first:last], default=np.inf) < limit)


def _is_sound(symbol: str) -> bool:
    # Stress and length marks are letters of category Lm; pauses are punctuation or spaces.
    return symbol.isalpha() and category(symbol) != "Lm"
