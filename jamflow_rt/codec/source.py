"""The vocoder's sound source: a band-limited pulse train at the voice's pitch, and noise.

With the phase given by the source, the network has only filters to learn (as in neural
homomorphic vocoders and HiFTNet).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from jamflow_rt.beats import HOP, SAMPLE_RATE

TOP = 11_500.0
"""Hz up to which the pulse train has harmonics."""
_NOISE_FRAMES = 4099
"""Noise repeats after 44 s; a prime, so that it never repeats in step with anything."""


def per_sample(frames: Tensor) -> Tensor:
    """Linear interpolation of frame values (..., F) at samples 256·n to (..., (F − 1)·256)."""
    left, right = frames[..., :-1, None], frames[..., 1:, None]
    weight = torch.arange(HOP, device=frames.device, dtype=frames.dtype) / HOP
    return (left + (right - left) * weight).flatten(-2)


def advance_phase(f0: Tensor, start: Tensor | float = 0.0) -> Tensor:
    """Phase in cycles before each sample of f0 (..., N) Hz, in double precision.

    Double, since a stream adds up phase for minutes and its sound must equal an offline run's.
    """
    steps = f0.double() / SAMPLE_RATE
    return (steps.cumsum(-1) - steps + start) % 1.0


def pulse_train(phase: Tensor, f0: Tensor) -> Tensor:
    """Sum of all cosine harmonics below 11.5 kHz at unit height.

    Args:
        phase: (..., N) cycles.
        f0: (..., N) Hz, above zero.
    """
    angle = 2 * math.pi * phase
    count = TOP / f0
    whole = count.floor()
    # cos x + … + cos Kx in closed form, its limit K where the pulse peaks.
    half = (angle / 2).sin()
    near = half.abs() < 1e-4
    closed = ((whole + 0.5) * angle).sin() / (2 * torch.where(near, 1.0, half)) - 0.5
    body = torch.where(near, whole, closed)
    # The topmost harmonic comes in gradually, so that a gliding pitch makes no clicks.
    return body + (count - whole) * ((whole + 1) * angle).cos()


def noise_table(device: torch.device | None = None) -> Tensor:
    """(4099, 256) fixed normal noise; frame n of a stream takes row n mod 4099."""
    generator = torch.Generator().manual_seed(20_250_630)
    return torch.randn(_NOISE_FRAMES, HOP, generator=generator).to(device)
