"""Classifier-free guidance of both streams (F5-TTS `cfm.py`; JAM-Flow samples so too)."""

from __future__ import annotations

import torch
from torch import Tensor

from jamflow_rt.flow.window import Span
from jamflow_rt.model.jam import Condition, JamFlow


def guided_velocity(
    model: JamFlow,
    mel: Tensor,
    motion: Tensor,
    t: Tensor,
    condition: Condition,
    guidance: float,
    span: Span | None = None,
) -> tuple[Tensor, Tensor]:
    """V + guidance · (v − v₀) as fp32, where v₀ is the velocity when nothing is known.

    Args:
        model: the joint network.
        mel: (B, T_a, 100) noisy mel.
        motion: (B, T_m, D) noisy motion.
        t: (B,) flow times.
        condition: what is known.
        guidance: 0 asks the network for half as many samples.
        span: the beats that v₀ is asked for, as if there were no others; these keep v. None asks
            for the whole window, in one pass with v.
    """
    if not guidance:
        mel_v, motion_v = model(mel, motion, t, condition)
        return mel_v.float(), motion_v.float()
    blank = _blank(condition)
    if span is None:
        both = Condition(
            *(
                None if a is None or b is None else torch.cat([a, b])
                for a, b in zip(condition, blank, strict=True)
            )  # type: ignore[arg-type]
        )
        mel_v, motion_v = model(
            torch.cat([mel, mel]), torch.cat([motion, motion]), torch.cat([t, t]), both
        )
        (mel_c, mel_0), (motion_c, motion_0) = mel_v.float().chunk(2), motion_v.float().chunk(2)
        return mel_c + guidance * (mel_c - mel_0), motion_c + guidance * (motion_c - motion_0)
    a, m = span.mel, span.motion
    mel_c, motion_c = (v.float() for v in model(mel, motion, t, condition))
    mel_0, motion_0 = model(mel[:, a], motion[:, m], t, _cut(blank, span))
    mel_c[:, a] += guidance * (mel_c[:, a] - mel_0)
    motion_c[:, m] += guidance * (motion_c[:, m] - motion_0)
    return mel_c, motion_c


def _blank(c: Condition) -> Condition:
    """Nothing of it is known."""
    return Condition(
        torch.zeros_like(c.text) if c.text_withheld is None else c.text_withheld,
        torch.zeros_like(c.mel),
        torch.ones_like(c.mel_masked),
        torch.zeros_like(c.motion),
        torch.ones_like(c.motion_masked),
        # Always told, as its name says.
        given=c.given,
        voice=None if c.voice is None else torch.zeros_like(c.voice),
    )


def _cut(c: Condition, span: Span) -> Condition:
    """What is known within some beats."""
    a, m = span.mel, span.motion
    return c._replace(
        text=c.text[:, a],
        mel=c.mel[:, a],
        mel_masked=c.mel_masked[:, a],
        motion=c.motion[:, m],
        motion_masked=c.motion_masked[:, m],
        given=None if c.given is None else c.given[:, m],
    )
