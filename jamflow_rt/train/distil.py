"""Distils many guided steps of the joint model into few: the `distil` and the `halve` stage.

The student is the same network, asked with the length of the step; a part of its training
stays flow matching, so both ways of sampling are in one checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from jamflow_rt.errors import InvalidInput
from jamflow_rt.flow.distillation import distillation_loss
from jamflow_rt.flow.objective import Losses, draw_times, flow_matching_loss
from jamflow_rt.flow.schedule import flow_times
from jamflow_rt.model.checkpoint import load_checkpoint, save_checkpoint
from jamflow_rt.model.precision import fast_precision
from jamflow_rt.train.joint import Learner
from jamflow_rt.train.joint_data import JointData
from jamflow_rt.train.loop import Loop


@dataclass(frozen=True)
class DistilRecipe:
    """The numbers of this stage."""

    steps: int = 500
    tokens: int = 2048
    """Mel frames a step."""
    learning_rate: float = 3e-4
    warm_up: int = 30
    evaluations: tuple[int, ...] = (4, 4, 2)
    """Numbers of steps the student learns to sample in, as often as they stand here."""
    substeps: int = 2
    """The teacher's steps for one of the student's."""
    guidance: float = 1.0
    leaps: bool = False
    """The teacher was distilled itself, and is asked for what it was taught."""
    flow_every: int = 4
    """One step in so many is flow matching."""
    motion_weight: float = 0.5
    ema: float = 0.99


HALVING = DistilRecipe(steps=900, evaluations=(2,), guidance=0.0, leaps=True)
"""Of the `halve` stage: two steps of the student that sampled in four become one."""


def train_distil(
    corpus: Path, prepared: Path, work: Path, taught: Path, weights: Path, recipe: DistilRecipe
) -> None:
    """Train (or resume) the student and write its averaged weights.

    Args:
        corpus: folder of the `corpus` and `motion` stages.
        prepared: folder of `jamflow-rt prepare`.
        work: folder for the checkpoint and the loss curve.
        taught: weights of the stage before: of `joint`, or of `distil`.
        weights: safetensors file to write at every checkpoint.
        recipe: the numbers.

    Raises:
        InvalidInput: there are no weights, or the network cannot be asked for mean velocities.
    """
    torch.manual_seed(0)
    teacher, student = load_checkpoint(taught), load_checkpoint(taught).train()
    teacher.requires_grad_(False)
    if not student.config.mean_velocity:
        raise InvalidInput(f"{taught} is of a network without `mean_velocity`: train `joint` anew.")
    learner = Learner(student, recipe.learning_rate, recipe.ema, recipe.motion_weight)
    loop = Loop(work, learner.parts, recipe.steps)
    data = JointData(corpus, prepared, seed=1_000_000 + loop.step)

    def losses_of(step: int) -> Losses:
        batch = data.batch(recipe.tokens)
        noise = torch.randn_like(batch.mel), torch.randn_like(batch.motion)
        if step % recipe.flow_every == 0:
            return flow_matching_loss(student, batch, draw_times(len(batch.ids)), *noise)
        times = _draw_steps(recipe.evaluations, recipe.substeps, len(batch.ids))
        return distillation_loss(
            student,
            teacher,
            batch,
            times,
            *noise,
            guidance=recipe.guidance,
            leaps=recipe.leaps,
        )

    def one_step(step: int) -> dict[str, float]:
        share = min(1.0, (step + 1) / recipe.warm_up, 1 - step / recipe.steps + 0.02)
        with fast_precision(torch.device("cpu")):
            losses = losses_of(step)
        learner.learn(losses, share, step)
        kind = "flow" if step % recipe.flow_every == 0 else "distil"
        return {f"{kind}_audio": losses.audio.item(), f"{kind}_motion": losses.motion.item()}

    loop.run(one_step, on_checkpoint=lambda: save_checkpoint(learner.average.model, weights))


def _draw_steps(evaluations: tuple[int, ...], substeps: int, count: int) -> torch.Tensor:
    """(count, substeps + 1) flow times of random steps, and the teacher's between.

    The teacher's are those of the schedule with `substeps` times as many.
    """
    rows = []
    for choice in torch.randint(len(evaluations), (count,)).tolist():
        steps = evaluations[choice]
        times = flow_times(steps * substeps)
        first = int(torch.randint(steps, ())) * substeps
        rows.append(times[first : first + substeps + 1])
    return torch.tensor(rows)
