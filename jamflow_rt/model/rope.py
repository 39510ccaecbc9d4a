"""Rotary positions on one time axis for both streams (JAM-Flow: temporally aligned RoPE)."""

from __future__ import annotations

import torch
from torch import Tensor

from jamflow_rt.beats import MEL_PER_MOTION

THETA = 10_000.0


def audio_positions(frames: int, device: torch.device | None = None) -> Tensor:
    """Positions 0…T−1 of mel frames, as F5-TTS trained them."""
    return torch.arange(frames, dtype=torch.float32, device=device)


def motion_positions(
    frames: int, device: torch.device | None = None, spacing: float = MEL_PER_MOTION
) -> Tensor:
    """Positions of motion frames on the audio axis: in time, frame i sits at 3.75·i."""
    return torch.arange(frames, dtype=torch.float32, device=device) * spacing


def rotation_table(positions: Tensor, head_size: int) -> Tensor:
    """Rotations (T, head_size / 2) at each position, as complex numbers of length 1."""
    exponents = torch.arange(0, head_size, 2, dtype=torch.float32, device=positions.device)
    angles = positions[:, None] * THETA ** (-exponents / head_size)
    return torch.polar(torch.ones_like(angles), angles)


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Rotate interleaved pairs of the last axis, as x-transformers (hence F5-TTS) does.

    One complex product: on a CPU ten times faster than sines and cosines on strided halves.

    Args:
        x: (B, T, H, head_size) queries or keys.
        table: from `rotation_table` for these T positions.
    """
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * table[:, None]).flatten(-2).to(x.dtype)
