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


def rotation_table(
    positions: Tensor, head_size: int, heads: int = 1, rotated: int | None = None
) -> Tensor:
    """Rotations at each position, as complex numbers of length 1.

    Args:
        positions: (T,)
        head_size: numbers a head; each pair of them is rotated.
        heads: of the attention; only matters with `rotated`.
        rotated: so many heads are rotated and the others left as they are (F5-TTS
            `pe_attn_head`); None is all.

    Returns:
        (T, 1, head_size / 2) for all heads alike, or (T, heads, head_size / 2).
    """
    exponents = torch.arange(0, head_size, 2, dtype=torch.float32, device=positions.device)
    # In this order, as x-transformers: at late positions the last digit is seen in the result.
    angles = positions[:, None] * (1.0 / THETA ** (exponents / head_size))
    table = torch.polar(torch.ones_like(angles), angles)[:, None]
    if rotated is None:
        return table
    still = torch.ones_like(table).expand(-1, heads - rotated, -1)
    return torch.cat([table.expand(-1, rotated, -1), still], dim=1)


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Rotate interleaved pairs of the last axis, as x-transformers (hence F5-TTS) does.

    One complex product: on a CPU ten times faster than sines and cosines on strided halves.

    Args:
        x: (B, T, H, head_size) queries or keys.
        table: from `rotation_table` for these T positions; one that broadcasts to other axes of
            `x` will do too.
    """
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * table).flatten(-2).to(x.dtype)
