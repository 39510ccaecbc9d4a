"""Mel-frequency cepstral coefficients as SyncNet was trained on them.

13 coefficients of 25 ms every 10 ms at 16 kHz: pre-emphasis 0.97, no window, 512-point power
spectrum, 26 triangular filters (HTK's mel scale), log, orthonormal DCT-II, sinusoidal lifter of 22,
and the frame's log energy in place of the first. Davis and Mermelstein (1980); the settings are the
usual ones of HTK-style front ends.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

RATE = 16_000
COEFFICIENTS = 13
_FRAME, _STEP, _FFT, _FILTERS, _LIFTER = 400, 160, 512, 26, 22


def mfcc(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coefficients of mono sound (N,) at 16 kHz in the range of 16-bit integers.

    Returns:
        (frames, 13); the last frame is filled up with zeros.
    """
    signal = np.append(sound[:1], sound[1:] - 0.97 * sound[:-1]).astype(np.float64)
    frames = 1 + max(0, -(-(len(signal) - _FRAME) // _STEP))
    padded = np.pad(signal, (0, max(0, (frames - 1) * _STEP + _FRAME - len(signal))))
    blocks = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[: frames * _STEP : _STEP]
    power = np.square(np.abs(np.fft.rfft(blocks, _FFT))) / _FFT
    least = np.finfo(np.float64).eps
    bands = np.log(np.maximum(power @ _filters().T, least))
    cepstrum = dct(bands, type=2, axis=1, norm="ortho")[:, :COEFFICIENTS]
    cepstrum *= 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / _LIFTER)
    cepstrum[:, 0] = np.log(np.maximum(power.sum(1), least))
    return np.asarray(cepstrum, np.float32)


@cache
def _filters() -> NDArray[np.float64]:
    """(26, 257) triangles between whole bins of the spectrum."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, _FILTERS + 2) / 2595) - 1)
    bins = np.floor((_FFT + 1) * hertz / RATE)
    places = np.arange(_FFT // 2 + 1)
    low, peak, high = (bins[shift : shift + _FILTERS, None] for shift in range(3))
    rising = (places - low) / np.maximum(peak - low, 1)
    falling = (high - places) / np.maximum(high - peak, 1)
    return np.asarray(np.clip(np.where(places < peak, rising, falling), 0, None))
