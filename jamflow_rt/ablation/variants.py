"""The variants: the default network with one of its choices changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from jamflow_rt.config import ModelConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.model.jam import JamFlow


@dataclass(frozen=True, slots=True)
class Variant:
    """A name, what it means, and the settings of `ModelConfig` that it changes."""

    name: str
    meaning: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    trained: bool = True

    def config(self, base: ModelConfig) -> ModelConfig:
        """`base` with this variant's settings."""
        settings = {**base.model_dump(), **self.changes}
        if settings["joint_blocks"] == _ALL:
            settings["joint_blocks"] = base.depth
        return ModelConfig(**settings)


_ALL = "all"

VARIANTS = (
    Variant("start", "the weights that all begin with", trained=False),
    Variant("base", "first half joint, ±0.5 s, aligned RoPE"),
    Variant("joint-all", "all blocks joint", {"joint_blocks": _ALL}),
    Variant("joint-none", "no block joint", {"joint_blocks": 0}),
    Variant("mask-fifth", "mask ±0.1 s", {"window_seconds": 0.1}),
    Variant("mask-half", "mask ±0.25 s", {"window_seconds": 0.25}),
    Variant("mask-double", "mask ±1 s", {"window_seconds": 1.0}),
    Variant("mask-none", "no mask", {"window_seconds": None}),
    Variant("rope-unaligned", "motion frame i at i, not at 3.75·i", {"aligned_rope": False}),
)
"""JAM-Flow's choices and what stands against each (its own ablation's figures are not public)."""


def named(names: str | None) -> tuple[Variant, ...]:
    """The variants of a list with commas, in the order of `VARIANTS`; all when None.

    Raises:
        InvalidInput: there is no such variant.
    """
    if names is None:
        return VARIANTS
    asked = {name.strip() for name in names.split(",")}
    known = {variant.name for variant in VARIANTS}
    if strangers := asked - known:
        raise InvalidInput(
            f"There is no variant named {', '.join(sorted(strangers))}. "
            f"There are {', '.join(variant.name for variant in VARIANTS)}."
        )
    return tuple(variant for variant in VARIANTS if variant.name in asked)


def begin(variant: Variant, taught: JamFlow, new_motion: bool = False) -> JamFlow:
    """The network of a variant before it is trained: another structure with the same weights.

    No variant has weights of its own, so they fit all of them.

    Args:
        variant: what differs.
        taught: gives weights and configuration.
        new_motion: the Motion-DiT begins at random, the same for all. What was learned with one
            structure favours it over the others; JAM-Flow begins so too, with F5-TTS beside it.
    """
    torch.manual_seed(0)
    model = JamFlow(variant.config(taught.config))
    if new_motion:
        model.audio.load_state_dict(taught.audio.state_dict())
    else:
        model.load_state_dict(taught.state_dict())
    return model
