"""24 kHz to 48 kHz, chunk by chunk: Opus in WebRTC runs at 48 kHz."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

TAPS: Final = 32
DELAY: Final = TAPS // 2
"""Samples (of the input) by which the output is late: 0.67 ms at 24 kHz."""


class Doubler:
    """Doubles the sample rate of a stream; n samples in are always 2 n samples out.

    A half-band filter: every other output sample is an input sample, those between are
    interpolated by a Kaiser-windowed sinc. General resamplers return chunks of varying length,
    which would cost a packet of delay here.
    """

    def __init__(self) -> None:
        offsets = np.arange(TAPS) - (TAPS - 1) / 2
        taps = np.sinc(offsets) * np.kaiser(TAPS, 8.0)
        self._taps = (taps / taps.sum()).astype(np.float32)
        # The last samples of the chunk before.
        self._tail = np.zeros(TAPS - 1, np.float32)

    def push(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) samples to (2 n,) samples of the doubled rate."""
        padded = np.concatenate([self._tail, sound.astype(np.float32, copy=False)])
        self._tail = padded[len(padded) - (TAPS - 1) :]
        doubled = np.empty(2 * len(sound), np.float32)
        doubled[0::2] = padded[DELAY - 1 : DELAY - 1 + len(sound)]
        doubled[1::2] = np.correlate(padded, self._taps, "valid")
        return doubled
