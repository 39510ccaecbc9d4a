"""Conditional flow matching on masked places (JAM-Flow §objective, F5-TTS `cfm.py`)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from jamflow_rt.model.jam import Condition, JamFlow


class Batch(NamedTuple):
    """Crops with their mask patterns."""

    ids: Tensor
    """(B, T_a) phoneme ids."""
    mel: Tensor
    """(B, T_a, 100) whitened mel."""
    motion: Tensor
    """(B, T_m, D) motion latents."""
    mel_masked: Tensor
    """(B, T_a) True where generated."""
    motion_masked: Tensor
    """(B, T_m, G) True where generated."""
    text_dropped: Tensor
    """(B,)"""
    voice: Tensor
    """(B,) rows of the table of voices, 0 where the voice is not told."""
    given: Tensor | None = None
    """(B, T_m, R) motion that is never generated, where the model is told any."""


class Errors(NamedTuple):
    """Squared velocity errors, summed over masked places."""

    audio: Tensor
    motion: Tensor


class Losses(NamedTuple):
    """Mean squared velocity errors over masked places."""

    audio: Tensor
    motion: Tensor


def draw_times(count: int) -> Tensor:
    """(count,) flow times, logistic-normal: most weight where the path bends."""
    return torch.randn(count).sigmoid()


def flow_matching_loss(
    model: JamFlow, batch: Batch, t: Tensor, mel_noise: Tensor, motion_noise: Tensor
) -> Losses:
    """Straight-path velocity losses, on masked places only.

    Args:
        model: the joint network.
        batch: crops and masks.
        t: (B,) flow times.
        mel_noise: like `batch.mel`.
        motion_noise: like `batch.motion`.
    """
    errors = flow_matching_errors(model, batch, t, mel_noise, motion_noise)
    counts = masked_numbers(model, batch).clamp(min=1)
    return Losses(errors.audio / counts[0], errors.motion / counts[1])


def flow_matching_errors(
    model: JamFlow, batch: Batch, t: Tensor, mel_noise: Tensor, motion_noise: Tensor
) -> Errors:
    """The sums that `flow_matching_loss` divides by `masked_numbers`, for batches in parts."""
    time = t[:, None, None]
    mel_v, motion_v = model(
        (1 - time) * mel_noise + time * batch.mel,
        (1 - time) * motion_noise + time * batch.motion,
        t,
        condition_of(model, batch),
    )
    return Errors(
        _squares(mel_v, batch.mel - mel_noise, batch.mel_masked[..., None]),
        _squares(motion_v, batch.motion - motion_noise, free_motion(model, batch)),
    )


def masked_numbers(model: JamFlow, batch: Batch) -> Tensor:
    """(2,) how many numbers of mel and of motion are generated in a batch."""
    mel = batch.mel_masked.sum() * batch.mel.shape[-1]
    return torch.stack([mel, free_motion(model, batch).sum()])


def free_motion(model: JamFlow, batch: Batch) -> Tensor:
    """(B, T_m, D) True where motion is generated."""
    sizes = torch.tensor([g.size for g in model.config.groups], device=batch.mel.device)
    return batch.motion_masked.repeat_interleave(sizes, dim=2)


def condition_of(model: JamFlow, batch: Batch) -> Condition:
    """What the network is told of a batch."""
    return Condition(
        text=model.embed_text(batch.ids, batch.text_dropped),
        mel=batch.mel.masked_fill(batch.mel_masked[..., None], 0.0),
        mel_masked=batch.mel_masked,
        motion=batch.motion.masked_fill(free_motion(model, batch), 0.0),
        motion_masked=batch.motion_masked,
        given=batch.given,
        voice=batch.voice,
    )


def masked_error(velocity: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error where `mask` holds."""
    return _squares(velocity, target, mask) / mask.expand_as(target).sum().clamp(min=1)


def _squares(velocity: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    return ((velocity.float() - target).square() * mask).sum()
