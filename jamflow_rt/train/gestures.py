"""What head and brows do when a word is emphasised: nods and raised brows on the loud and high.

GRID's speaker reads six words in one tone, so real video teaches the idle life of the upper face
but not its part in speech. Teacher sentences get that part from their own sound: prominent
stressed vowels (higher and louder than the sentence) carry a nod, the most prominent ones raised
brows too; a question ends with raised brows. Times and sizes were chosen, not measured on people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MEL_RATE, MOTION_RATE, SAMPLE_RATE
from jamflow_rt.train.teachers import F0_SAMPLES, VOICED_ABOVE

Floats = NDArray[np.float32]

NOD = 0.06
"""Radians of a nod at prominence 1."""
BROWS = 2.5
"""Units (1.5 mm each) of raised brows at prominence 1."""
_NOD_TIMES = (0.11, 0.16)
_RECOIL, _RECOIL_LEAD = 0.3, 0.3
_BROW_TIMES = (0.12, 0.24)
_APART = 0.5
_LEAST = 0.3
_MOST = 1.5
# Semitones by which a lively sentence's pitch spreads; a monotone one has no accents.
_LIVELY = 1.5
_BROWS_FROM = 0.5
_QUESTION = 0.7
_F0_RATE = SAMPLE_RATE / F0_SAMPLES


class Accent(NamedTuple):
    """An emphasised vowel."""

    time: float
    """Seconds."""
    prominence: float
    """0 is nothing, 1 is clear."""


def find_accents(
    symbols: Sequence[str], seconds: NDArray[np.float32], f0: Floats, loudness: Floats
) -> list[Accent]:
    """The emphasised vowels of a sentence, at least half a second apart, in order.

    Args:
        symbols: of the phoneme ids; "ˈ" stands before a stressed syllable.
        seconds: how long each lasts.
        f0: Hz every 12.5 ms, 0 where unvoiced.
        loudness: one a mel frame, natural logarithm.
    """
    tones = 12 * np.log2(np.maximum(f0, VOICED_ABOVE))
    voiced = tones[f0 > VOICED_ABOVE]
    if not len(voiced):
        return []
    middle, range_ = float(np.median(voiced)), max(float(voiced.std()), _LIVELY)
    spoken = loudness[loudness > loudness.max() - 5]
    usual, spread = float(spoken.mean()), float(spoken.std()) + 1e-6
    ends = np.cumsum(seconds)
    found = []
    for index, symbol in enumerate(symbols):
        if symbol != "ˈ":
            continue
        # The stressed syllable is about what follows the mark.
        last = min(index + 4, len(symbols) - 1)
        start, end = float(ends[index] - seconds[index]), float(ends[last])
        pitch = tones[int(start * _F0_RATE) : int(end * _F0_RATE) + 1]
        level = loudness[int(start * MEL_RATE) : int(end * MEL_RATE) + 1]
        pitch = pitch[pitch > 12 * np.log2(VOICED_ABOVE)]
        if not len(pitch) or not len(level):
            continue
        height = (np.quantile(pitch, 0.9) - middle) / range_
        force = (np.quantile(level, 0.9) - usual) / spread
        size = 0.5 * (height - 0.8) + 0.4 * (force - 0.8)
        loudest = start + (int(np.argmax(level)) + 0.5) / MEL_RATE
        if size > _LEAST:
            found.append(Accent(loudest, float(min(size, _MOST))))
    kept: list[Accent] = []
    for accent in sorted(found, key=lambda a: -a.prominence):
        if all(abs(accent.time - other.time) >= _APART for other in kept):
            kept.append(accent)
    return sorted(kept)


def gesture_tracks(accents: Sequence[Accent], question_end: float | None, frames: int) -> Floats:
    """(frames, 2): head pitch in radians (positive nods) and brows in units, 25 a second.

    Args:
        accents: from `find_accents`.
        question_end: when the last word of a question ends, in seconds; None for statements.
        frames: motion frames from second 0.
    """
    times = (np.arange(frames) + 0.5) / MOTION_RATE
    tracks = np.zeros((frames, 2))
    for accent in accents:
        nod = _bump(times, accent.time + 0.04, *_NOD_TIMES)
        recoil = _bump(times, accent.time - _RECOIL_LEAD, *_NOD_TIMES)
        tracks[:, 0] += NOD * accent.prominence * (nod - _RECOIL * recoil)
        if accent.prominence >= _BROWS_FROM:
            rise = BROWS * accent.prominence * _bump(times, accent.time, *_BROW_TIMES)
            tracks[:, 1] = np.maximum(tracks[:, 1], rise)
    if question_end is not None:
        rise = BROWS * _QUESTION * _bump(times, question_end - 0.2, 0.3, 0.4)
        tracks[:, 1] = np.maximum(tracks[:, 1], rise)
    return tracks.astype(np.float32)


def _bump(times: NDArray[np.float64], top: float, rise: float, fall: float) -> NDArray[np.float64]:
    away = times - top
    bump: NDArray[np.float64] = np.exp(-0.5 * (away / np.where(away < 0, rise, fall)) ** 2)
    return bump
