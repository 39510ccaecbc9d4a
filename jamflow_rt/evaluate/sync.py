"""Do sound and lips move together, and at the same time?

The loudness of the sound and the inner-lip gap, both 25 times a second, are correlated at several
shifts. On free speech the correlation is low even for real people (0.1–0.2; 0.5 on GRID): what
counts is where it peaks. Phrases and pauses last long and agree at many shifts; where syllables
agree is seen when what is slower than they are is taken away from both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLES_PER_MOTION

MOST_SHIFT = 8
"""Motion frames (40 ms) to each side."""
_QUIET = 1e-3
_SYLLABLE = 9
"""Motion frames: syllables come every five or so."""


@dataclass(frozen=True, slots=True)
class Sync:
    """Correlation of loudness and lip gap."""

    correlations: tuple[float, ...]
    """At shifts −8…8; at a positive one the lips come that many frames after the sound."""
    syllables: tuple[float, ...]
    """The same without what is slower than syllables."""

    @property
    def peak(self) -> int:
        """The shift, in motion frames, at which syllables agree best."""
        return int(np.argmax(self.syllables)) - MOST_SHIFT

    @property
    def correlation(self) -> float:
        """Without a shift."""
        return self.correlations[MOST_SHIFT]


def loudness(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Level of each 40 ms of sound (N,), in decades above silence."""
    frames = len(sound) // SAMPLES_PER_MOTION
    blocks = sound[: frames * SAMPLES_PER_MOTION].reshape(frames, SAMPLES_PER_MOTION)
    level = np.sqrt(np.square(blocks).mean(1))
    return np.asarray(np.log10(np.maximum(level, _QUIET) / _QUIET), np.float32)


def measure_sync(
    takes: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> Sync | None:
    """Correlations averaged over takes; None when no take is long and lively enough.

    Args:
        takes: (sound, inner-lip gaps a motion frame) of each.
    """
    whole, syllables = [], []
    for sound, gaps in takes:
        level = loudness(sound)[: len(gaps)]
        gaps = gaps[: len(level)]
        if len(level) <= 3 * MOST_SHIFT or level.std() < 1e-6 or gaps.std() < 1e-6:
            continue
        whole.append(_curve(level, gaps))
        syllables.append(_curve(_quick(level), _quick(gaps)))
    return Sync(_mean(whole), _mean(syllables)) if whole else None


def _curve(level: NDArray[np.float32], gaps: NDArray[np.float32]) -> list[float]:
    return [_correlation(level, gaps, n) for n in range(-MOST_SHIFT, MOST_SHIFT + 1)]


def _mean(curves: list[list[float]]) -> tuple[float, ...]:
    return tuple(float(c) for c in np.mean(curves, axis=0))


def _quick(track: NDArray[np.float32]) -> NDArray[np.float32]:
    """A track (T,) without its mean over the frames around each."""
    window = np.hanning(_SYLLABLE + 2)[1:-1]
    around = np.pad(track, _SYLLABLE // 2, mode="edge")
    return np.asarray(track - np.convolve(around, window / window.sum(), "valid"), np.float32)


def _correlation(level: NDArray[np.float32], gaps: NDArray[np.float32], shift: int) -> float:
    """Pearson's, over the middle part that every shift has."""
    middle = slice(MOST_SHIFT, len(level) - MOST_SHIFT)
    moved = gaps[MOST_SHIFT + shift : len(gaps) - MOST_SHIFT + shift]
    if moved.std() < 1e-6 or level[middle].std() < 1e-6:
        return 0.0
    return float(np.corrcoef(level[middle], moved)[0, 1])
