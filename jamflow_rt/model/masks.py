"""Who may look at whom: JAM-Flow's localised attention masks.

Rows are queries, columns keys. Motion rows see motion and audio within ±w seconds; audio rows
see all audio, and motion within ±w (paper figure: the Motion mask and the Audio mask).
"""

from __future__ import annotations

import torch
from torch import Tensor

from jamflow_rt.beats import MEL_RATE
from jamflow_rt.model.rope import audio_positions, motion_positions


def band(rows: Tensor, columns: Tensor, seconds: float | None) -> Tensor:
    """(rows, columns) True where two positions (in mel frames) are at most `seconds` apart.

    None is any distance.
    """
    if seconds is None:
        return torch.ones(len(rows), len(columns), dtype=torch.bool, device=rows.device)
    return (rows[:, None] - columns[None]).abs() <= seconds * MEL_RATE + 1e-4


def motion_self_mask(
    motion_frames: int, seconds: float | None, device: torch.device | None = None
) -> Tensor:
    """(T_m, T_m) for the Motion-DiT's own blocks: the local motion band."""
    motion = motion_positions(motion_frames, device)
    return band(motion, motion, seconds)


def joint_masks(
    audio_frames: int,
    motion_frames: int,
    seconds: float | None,
    device: torch.device | None = None,
) -> tuple[Tensor, Tensor]:
    """Masks of a joint block over the concatenated keys [motion, audio].

    Returns:
        (T_m, T_m + T_a) for motion rows and (T_a, T_m + T_a) for audio rows.
    """
    motion = motion_positions(motion_frames, device)
    audio = audio_positions(audio_frames, device)
    keys = torch.cat([motion, audio])
    motion_rows = band(motion, keys, seconds)
    every_audio = torch.ones(audio_frames, audio_frames, dtype=torch.bool, device=device)
    audio_rows = torch.cat([band(audio, motion, seconds), every_audio], dim=1)
    return motion_rows, audio_rows
