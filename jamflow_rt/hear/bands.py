"""Power in bands of the ear, every 16 ms: the coarse picture in which echoes are compared."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

STEP_SECONDS: Final = 0.016
BANDS: Final = 16
LOWEST, HIGHEST = 150.0, 7000.0
"""Hertz. Small loudspeakers give little below, a microphone at 16 kHz nothing above."""
_SCALE_RATE: Final = 16_000
"""White noise at this rate has its variance as power in every band."""
_BINS: Final = 257
"""Of the spectrum of a window of 32 ms, up to 8 kHz: 31.25 Hz each."""


def _filterbank() -> Floats:
    """(257, 16): averages over bins; the bands are equally wide on the mel scale."""
    lowest, highest = 2595 * np.log10(1 + np.array([LOWEST, HIGHEST]) / 700)
    edges = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 1) / 2595) - 1)
    hertz = np.arange(_BINS)[:, None] / (2 * STEP_SECONDS)
    inside = (hertz >= edges[:-1]) & (hertz < edges[1:])
    return np.asarray(inside / inside.sum(axis=0), np.float32)


class BandPowers:
    """A stream of sound → the mean power in each band. Rates compare: equal sounds, equal powers.

    Args:
        sample_rate: of the sound, at least 16 kHz and a multiple of 125.
    """

    def __init__(self, sample_rate: int) -> None:
        self._step = round(sample_rate * STEP_SECONDS)
        window = np.sin(np.pi * (np.arange(2 * self._step) + 0.5) / (2 * self._step)) ** 2
        window *= np.sqrt(_SCALE_RATE / sample_rate / (window**2).sum())
        self._window = window.astype(np.float32)
        self._filterbank = _filterbank()
        # Sound not yet looked at, after the last step of what was.
        self._buffer = np.zeros(self._step, np.float32)

    def push(self, sound: Floats) -> Floats:
        """Take sound (N,) in; returns (n, 16), one row for every step that is complete with it."""
        self._buffer = np.concatenate([self._buffer, sound])
        steps = len(self._buffer) // self._step - 1
        end = steps * self._step
        hops = self._buffer[: end + self._step].reshape(-1, self._step)
        self._buffer = self._buffer[end:].copy()
        windows = np.concatenate([hops[:-1], hops[1:]], axis=1) * self._window
        spectrum = np.fft.rfft(windows, axis=1)[:, :_BINS]
        power = spectrum.real**2 + spectrum.imag**2
        return np.asarray(power @ self._filterbank, np.float32)
