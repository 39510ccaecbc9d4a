"""Several guided steps of a teacher as one of a student (ZipVoice-Distill, shortcut models).

The student is asked for the mean velocity over a whole step, which is what Euler's method wants to
know; the guidance is inside. Asked for the velocity at a moment, it stays what it was.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jamflow_rt.flow.guidance import guided_velocity
from jamflow_rt.flow.objective import Batch, Losses, condition_of, free_motion, masked_error
from jamflow_rt.model.jam import JamFlow


def distillation_loss(
    student: JamFlow,
    teacher: JamFlow,
    batch: Batch,
    start: Tensor,
    end: Tensor,
    mel_noise: Tensor,
    motion_noise: Tensor,
    *,
    guidance: float,
    substeps: int,
) -> Losses:
    """How far the student's mean velocity is from where the teacher's small steps lead.

    Args:
        student: has `mean_velocity`.
        teacher: frozen.
        batch: crops and masks.
        start: (B,) flow times at which the step begins.
        end: (B,) flow times at which it ends.
        mel_noise: like `batch.mel`.
        motion_noise: like `batch.motion`.
        guidance: of the teacher.
        substeps: Euler steps of the teacher from `start` to `end`.
    """
    free, mel_free = free_motion(student, batch), batch.mel_masked[..., None]

    def on_path(data: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        return (1 - t[:, None, None]) * noise + t[:, None, None] * data

    mel, motion = (
        on_path(batch.mel, mel_noise, start),
        on_path(batch.motion, motion_noise, start),
    )
    with torch.no_grad():
        told = condition_of(teacher, batch)
        mel_end, motion_end = mel, motion
        for index in range(substeps):
            t = start + (end - start) * index / substeps
            # Known places stay on their straight path, as the sampler pins them.
            mel_end = torch.where(mel_free, mel_end, on_path(batch.mel, mel_noise, t))
            motion_end = torch.where(free, motion_end, on_path(batch.motion, motion_noise, t))
            mel_v, motion_v = guided_velocity(teacher, mel_end, motion_end, t, told, guidance)
            size = ((end - start) / substeps)[:, None, None]
            mel_end, motion_end = mel_end + size * mel_v, motion_end + size * motion_v
        length = (end - start)[:, None, None]
        mel_target, motion_target = (mel_end - mel) / length, (motion_end - motion) / length
    asked = condition_of(student, batch)._replace(step=end - start)
    mel_v, motion_v = student(mel, motion, start, asked)
    return Losses(
        masked_error(mel_v, mel_target, mel_free),
        masked_error(motion_v, motion_target, free),
    )
