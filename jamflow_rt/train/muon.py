"""Muon in the arithmetic of the parameters.

`torch.optim.Muon` orthogonalises in bf16, which a processor without bf16 emulates fifty times
slower than fp32; this one stays in fp32 there. To halve the cost it refreshes a matrix's
direction every second step: momentum hardly turns in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

# Quintic Newton–Schulz coefficients and steps (Jordan et al., Muon).
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_STEPS = 5


def orthogonalise(matrix: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrix, roughly: all singular values near 1."""
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised; step sizes as AdamW's (`match_rms_adamw`).

    Args:
        parameters: matrices only.
        lr: as for AdamW.
        momentum: Nesterov momentum.
        weight_decay: decoupled.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            for index, parameter in enumerate(group["params"]):
                if parameter.grad is not None:
                    self._update(index, parameter, group)

    def _update(self, index: int, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["velocity"] = torch.zeros_like(parameter)
            state["direction"] = torch.zeros_like(parameter)
            state["count"] = 0
        velocity, gradient = state["velocity"], parameter.grad
        assert gradient is not None
        velocity.lerp_(gradient, 1 - group["momentum"])
        if state["count"] == 0 or (state["count"] + index) % 2 == 0:
            state["direction"] = orthogonalise(gradient.lerp(velocity, group["momentum"]))
        state["count"] += 1
        size = 0.2 * max(parameter.shape) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(state["direction"], alpha=-group["lr"] * size)
