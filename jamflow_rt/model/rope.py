"""Rotary positions on one time axis for both streams (JAM-Flow: temporally aligned RoPE)."""

from __future__ import annotations

import torch
from torch import Tensor

from jamflow_rt.beats import MEL_PER_MOTION

THETA = 10_000.0


def audio_positions(frames: int, device: torch.device | None = None) -> Tensor:
    """Positions 0…T−1 of mel frames, as F5-TTS trained them."""
    return torch.arange(frames, dtype=torch.float32, device=device)


def motion_positions(frames: int, device: torch.device | None = None) -> Tensor:
    """Positions of motion frames on the audio axis: frame i sits at 3.75·i."""
    return torch.arange(frames, dtype=torch.float32, device=device) * MEL_PER_MOTION


def rotation_table(positions: Tensor, head_size: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines (T, head_size / 2) of the rotation at each position."""
    exponents = torch.arange(0, head_size, 2, dtype=torch.float32, device=positions.device)
    angles = positions[:, None] * THETA ** (-exponents / head_size)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate interleaved pairs of the last axis, as x-transformers (hence F5-TTS) does.

    Args:
        x: (B, H, T, head_size) queries or keys.
        table: from `rotation_table` for these T positions.
    """
    cos, sin = (part.to(x.dtype) for part in table)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)
