"""Trains the joint model: the `joint` stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.config import ModelConfig, Voice
from jamflow_rt.flow.objective import Losses, draw_times, flow_matching_loss
from jamflow_rt.model.checkpoint import save_checkpoint
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.model.precision import fast_precision
from jamflow_rt.train.joint_data import JointData
from jamflow_rt.train.loop import Loop, Stateful
from jamflow_rt.train.muon import Muon
from jamflow_rt.train.sound_data import corpus_voices

_SEED_APART = 10_000_000
"""More than any training has steps: where one is broken off, the step seeds what is new."""


@dataclass(frozen=True)
class JointRecipe:
    """The numbers of this stage."""

    steps: int = 8400
    tokens: int = 2048
    """Mel frames a step."""
    learning_rate: float = 1e-3
    warm_up: int = 60
    decay_share: float = 0.4
    motion_weight: float = 0.5
    ema: float = 0.998
    seed: int = 0
    """Of crops, masks and noise."""


def _optimisers(model: JamFlow, rate: float) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for everything else."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        inside = "transformer_blocks" in name and parameter.ndim == 2
        (matrices if inside else others).append(parameter)
    return (
        Muon(matrices, lr=rate),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.01),
    )


def _rate_share(step: int, recipe: JointRecipe) -> float:
    left = (recipe.steps - step) / (recipe.steps * recipe.decay_share)
    return min(1.0, (step + 1) / recipe.warm_up, max(left, 0.0) + 0.01)


class Average(nn.Module):
    """Exponential average of a model's parameters."""

    def __init__(self, model: JamFlow, decay: float) -> None:
        super().__init__()
        self.model = JamFlow(model.config)
        self.model.load_state_dict(model.state_dict())
        self.decay = decay

    @torch.no_grad()
    def update(self, model: JamFlow, step: int) -> None:
        """Move towards `model`; faster at the start, where old weights are worth little."""
        decay = min(self.decay, (1 + step) / (10 + step))
        pairs: Iterator[tuple[torch.Tensor, torch.Tensor]] = zip(
            self.model.parameters(), model.parameters(), strict=True
        )
        for mean, now in pairs:
            mean.lerp_(now, 1 - decay)


class Learner:
    """A joint model in training, with its optimisers and its average."""

    def __init__(self, model: JamFlow, rate: float, ema: float, motion_weight: float) -> None:
        self.model = model
        self.average = Average(model, ema)
        self._rate, self._motion_weight = rate, motion_weight
        self._muon, self._adam = _optimisers(model, rate)

    @property
    def parts(self) -> dict[str, Stateful]:
        """What a checkpoint keeps."""
        return {
            "model": self.model,
            "average": self.average,
            "muon": self._muon,
            "adam": self._adam,
        }

    def learn(self, losses: Losses, share: float, step: int) -> None:
        """Make one step down the losses with `share` of the learning rate."""
        loss = losses.audio + self._motion_weight * losses.motion
        for optimiser in (self._muon, self._adam):
            optimiser.zero_grad()
            for group in optimiser.param_groups:
                group["lr"] = self._rate * share
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._muon.step()
        self._adam.step()
        self.average.update(self.model, step)


def train_joint(
    corpus: Path,
    prepared: Path,
    work: Path,
    weights: Path,
    recipe: JointRecipe,
    start: tuple[JamFlow, Sequence[Voice]] | None = None,
) -> list[dict[str, float]]:
    """Train (or resume) the joint model and write its averaged weights.

    Args:
        corpus: folder of the `corpus` and `motion` stages.
        prepared: folder of `jamflow-rt prepare`.
        work: folder for the checkpoint and the loss curve.
        weights: safetensors file to write at every checkpoint.
        recipe: the numbers.
        start: a network to go on with and its table of voices; a new one of the default
            configuration if not given.

    Returns:
        The loss curve: `step` and the mean losses `audio` and `motion` of the steps before it.
    """
    torch.manual_seed(recipe.seed)
    if start is None:
        groups = MotionSpace.load(prepared / "motion.safetensors").groups
        voices: Sequence[Voice] = corpus_voices(corpus)
        rows = max(voice.number for voice in voices)
        model = JamFlow(ModelConfig.default(groups, rows))
    else:
        model, voices = start
    learner = Learner(model, recipe.learning_rate, recipe.ema, recipe.motion_weight)
    loop = Loop(work, learner.parts, recipe.steps)
    data = JointData(corpus, prepared, loop.step + recipe.seed * _SEED_APART, voices)

    def one_step(step: int) -> dict[str, float]:
        batch = data.batch(recipe.tokens)
        noise = torch.randn_like(batch.mel), torch.randn_like(batch.motion)
        with fast_precision(batch.mel.device):
            losses = flow_matching_loss(model, batch, draw_times(len(batch.ids)), *noise)
        learner.learn(losses, _rate_share(step, recipe), step)
        return {"audio": losses.audio.item(), "motion": losses.motion.item()}

    loop.run(one_step, on_checkpoint=lambda: save_checkpoint(learner.average.model, weights))
    return loop.history
