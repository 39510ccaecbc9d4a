"""Log-mel spectrograms exactly as F5-TTS and Vocos make them, and their whitening.

24 kHz, n_fft 1024, hop 256, 100 HTK mel bands without area normalisation, magnitude (power 1),
`log(clamp(x, 1e-5))` (F5-TTS `model/modules.py`, Vocos `feature_extractors.py`).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from jamflow_rt.beats import HOP, N_FFT, N_MELS, SAMPLE_RATE
from jamflow_rt.codec.whitening import FLOOR, MEAN, STD


def _hertz_to_mel(hertz: float) -> float:
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


@lru_cache(maxsize=1)
def filterbank() -> Tensor:
    """(513, 100) triangular HTK filters from 0 Hz to 12 kHz."""
    bins = torch.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1, dtype=torch.float64)
    edges = torch.linspace(0, _hertz_to_mel(SAMPLE_RATE / 2), N_MELS + 2, dtype=torch.float64)
    centres = 700.0 * (10.0 ** (edges / 2595.0) - 1.0)
    slopes = centres[None] - bins[:, None]
    widths = centres[1:] - centres[:-1]
    rising, falling = -slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]
    return torch.minimum(rising, falling).clamp(min=0).float()


def log_mel(wave: Tensor) -> Tensor:
    """The log-mel of sound.

    Args:
        wave: (..., N) samples at 24 kHz, −1…1.

    Returns:
        (..., N // 256 + 1, 100). Frame n is centred on sample 256·n.
    """
    shape = wave.shape[:-1]
    spectrum = torch.stft(
        wave.reshape(-1, wave.shape[-1]),
        N_FFT,
        HOP,
        window=torch.hann_window(N_FFT, device=wave.device),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    ).abs()
    mel = spectrum.transpose(1, 2) @ filterbank().to(wave.device)
    return mel.clamp(min=FLOOR).log().reshape(*shape, -1, N_MELS)


def whiten(mel: Tensor) -> Tensor:
    """Log-mel → the network's scale."""
    return (mel - MEAN) / STD


def unwhiten(mel: Tensor) -> Tensor:
    """The network's scale → log-mel."""
    return mel * STD + MEAN


def mel_of(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Whitened mel (N // 256, 100) of sound (N,): one frame for every whole hop.

    The last frame's window is completed with silence, so a hop's worth of sound gives its frame
    whether or not more follows.
    """
    if len(sound) < HOP:
        return np.zeros((0, N_MELS), np.float32)
    padded = functional.pad(torch.from_numpy(sound), (N_FFT // 2, N_FFT // 2))
    mel = log_mel(padded)[N_FFT // 2 // HOP :][: len(sound) // HOP]
    return np.asarray(whiten(mel).numpy(), np.float32)
