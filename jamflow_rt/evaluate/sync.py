"""Do sound and lips move together, and at the same time?

The loudness of the sound and the inner-lip gap, both 25 times a second, are correlated at several
shifts. On free speech the correlation is low even for real people (0.1–0.2; 0.5 on GRID): what
counts is where it peaks.
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


@dataclass(frozen=True, slots=True)
class Sync:
    """Correlation of loudness and lip gap."""

    correlations: tuple[float, ...]
    """At shifts −8…8; at a positive one the lips come that many frames after the sound."""

    @property
    def peak(self) -> int:
        """The shift, in motion frames, at which they agree best."""
        return int(np.argmax(self.correlations)) - MOST_SHIFT

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
    rows = []
    for sound, gaps in takes:
        level = loudness(sound)[: len(gaps)]
        gaps = gaps[: len(level)]
        if len(level) <= 3 * MOST_SHIFT or level.std() < 1e-6 or gaps.std() < 1e-6:
            continue
        rows.append([_correlation(level, gaps, n) for n in range(-MOST_SHIFT, MOST_SHIFT + 1)])
    return Sync(tuple(float(c) for c in np.mean(rows, axis=0))) if rows else None


def _correlation(level: NDArray[np.float32], gaps: NDArray[np.float32], shift: int) -> float:
    """Pearson's, over the middle part that every shift has."""
    middle = slice(MOST_SHIFT, len(level) - MOST_SHIFT)
    moved = gaps[MOST_SHIFT + shift : len(gaps) - MOST_SHIFT + shift]
    if moved.std() < 1e-6 or level[middle].std() < 1e-6:
        return 0.0
    return float(np.corrcoef(level[middle], moved)[0, 1])
