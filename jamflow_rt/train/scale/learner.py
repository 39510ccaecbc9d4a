"""The network as a trainer wraps it, its average, and its rate."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from jamflow_rt.flow.objective import Batch, flow_matching_errors
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.train.scale.recipe import Optimiser


class Objective(nn.Module):
    """(2,) summed squared velocity errors of sound and motion, in one forward pass.

    Data parallelism and mixed precision wrap a forward pass: all weights must be used inside.
    """

    def __init__(self, model: JamFlow) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, t: Tensor, mel_noise: Tensor, motion_noise: Tensor) -> Tensor:
        """Errors of one pass."""
        return torch.stack(flow_matching_errors(self.model, batch, t, mel_noise, motion_noise))


class Average:
    """Exponential average of the weights that learn, in fp32.

    Args:
        model: on its device.
        decay: share of the average that a step leaves; less in the first steps, whose weights are
            worth little.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._means = {
            name: parameter.detach().clone().float()
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        }

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards `model` after so many steps."""
        decay = min(self._decay, (1 + step) / (10 + step))
        now = dict(model.named_parameters())
        for name, mean in self._means.items():
            mean.lerp_(now[name].float(), 1 - decay)

    def of(self, model: nn.Module) -> dict[str, Tensor]:
        """All weights of `model`, those that learn averaged."""
        return {**model.state_dict(), **self._means}

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from what `of` gave."""
        for name, mean in self._means.items():
            mean.copy_(weights[name])


def rate_share(optimiser: Optimiser, step: int, steps: int) -> float:
    """Share of the learning rate at a step: up, along, and down to nothing."""
    rising = (step + 1) / (optimiser.warm_up + 1)
    falling = (steps - step) / max(1.0, steps * optimiser.decay)
    return min(1.0, rising, falling)


def freeze(model: JamFlow, streams: tuple[str, ...]) -> None:
    """Let the weights of streams stay, and those that no loss of this training reaches."""
    for name, stream in (("audio", model.audio), ("motion", model.motion)):
        stream.requires_grad_(name not in streams)
        # It is asked for mean velocities by the `distil` stage only.
        if stream.step_embed is not None:
            stream.step_embed.requires_grad_(False)
