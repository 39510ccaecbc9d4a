"""Several steps of a teacher as one of a student (ZipVoice-Distill, shortcut models).

The student is asked for the mean velocity over a whole step, which is what Euler's method wants to
know; the guidance is inside. Asked for the velocity at a moment, it stays what it was. A student
can teach in turn: two of its leaps become one (progressive distillation, arXiv 2202.00512).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from jamflow_rt.flow.guidance import guided_velocity
from jamflow_rt.flow.objective import Batch, Losses, condition_of, free_motion, masked_error
from jamflow_rt.model.jam import JamFlow


def distillation_loss(
    student: JamFlow,
    teacher: JamFlow,
    batch: Batch,
    times: Tensor,
    mel_noise: Tensor,
    motion_noise: Tensor,
    *,
    guidance: float = 0.0,
    leaps: bool = False,
) -> Losses:
    """How far the student's mean velocity is from where the teacher's small steps lead.

    Args:
        student: has `mean_velocity`.
        teacher: frozen.
        batch: crops and masks.
        times: (B, S + 1) flow times of S Euler steps of the teacher, rising. The student goes from
            the first to the last in one.
        mel_noise: like `batch.mel`.
        motion_noise: like `batch.motion`.
        guidance: of the teacher.
        leaps: the teacher is a student of before: it is asked for mean velocities too.
    """
    start, end = times[:, 0], times[:, -1]
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
        for t, then in pairwise(times.unbind(1)):
            # Known places stay on their straight path, as the sampler pins them.
            mel_end = torch.where(mel_free, mel_end, on_path(batch.mel, mel_noise, t))
            motion_end = torch.where(free, motion_end, on_path(batch.motion, motion_noise, t))
            asked = told._replace(step=then - t) if leaps else told
            mel_v, motion_v = guided_velocity(teacher, mel_end, motion_end, t, asked, guidance)
            size = (then - t)[:, None, None]
            mel_end, motion_end = mel_end + size * mel_v, motion_end + size * motion_v
        length = (end - start)[:, None, None]
        mel_target, motion_target = (mel_end - mel) / length, (motion_end - motion) / length
    asked = condition_of(student, batch)._replace(step=end - start)
    mel_v, motion_v = student(mel, motion, start, asked)
    return Losses(
        masked_error(mel_v, mel_target, mel_free),
        masked_error(motion_v, motion_target, free),
    )
