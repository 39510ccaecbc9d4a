"""Classifier-free guidance of both streams (F5-TTS `cfm.py`; JAM-Flow samples so too)."""

from __future__ import annotations

import torch
from torch import Tensor

from jamflow_rt.model.jam import Condition, JamFlow


def guided_velocity(
    model: JamFlow, mel: Tensor, motion: Tensor, t: Tensor, condition: Condition, guidance: float
) -> tuple[Tensor, Tensor]:
    """V + guidance · (v − v where nothing is known), as fp32, in one batched pass.

    Args:
        model: the joint network.
        mel: (B, T_a, 100) noisy mel.
        motion: (B, T_m, D) noisy motion.
        t: (B,) flow times.
        condition: what is known.
        guidance: 0 asks the network for half as many samples.
    """
    if not guidance:
        mel_v, motion_v = model(mel, motion, t, condition)
        return mel_v.float(), motion_v.float()
    c = condition
    blank = Condition(
        torch.zeros_like(c.text) if c.text_withheld is None else c.text_withheld,
        torch.zeros_like(c.mel),
        torch.ones_like(c.mel_masked),
        torch.zeros_like(c.motion),
        torch.ones_like(c.motion_masked),
        # Always told, as its name says.
        given=c.given,
        voice=None if c.voice is None else torch.zeros_like(c.voice),
    )
    both = Condition(
        *(
            None if a is None or b is None else torch.cat([a, b])
            for a, b in zip(c, blank, strict=True)
        )  # type: ignore[arg-type]
    )
    mel_v, motion_v = model(
        torch.cat([mel, mel]), torch.cat([motion, motion]), torch.cat([t, t]), both
    )
    (mel_c, mel_u), (motion_c, motion_u) = mel_v.float().chunk(2), motion_v.float().chunk(2)
    return mel_c + guidance * (mel_c - mel_u), motion_c + guidance * (motion_c - motion_u)
