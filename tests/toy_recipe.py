"""A training of the toy network, seconds long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from jamflow_rt.config import ModelConfig, MotionGroup
from jamflow_rt.train.scale.checkpoints import newest
from jamflow_rt.train.scale.recipe import Recipe, load_recipe
from jamflow_rt.train.scale.trainer import Trainer
from tests.toy import toy_config

SPANS: dict[str, Any] = {
    "kind": "spans",
    "audio": {"known": 0.3, "drop": 0.3},
    "motion": {"known": 0.2, "drop": 0.3},
    "cond_drop": 0.2,
}


def keypoint_config() -> ModelConfig:
    """The paper's form of motion on the toy network: a mouth, and what is given beside it."""
    groups = (MotionGroup(name="mouth", size=12),)
    return toy_config().model_copy(update={"groups": groups, "given": 5})


def toy_numbers(**changes: Any) -> dict[str, Any]:
    """A recipe's content; `changes` are set over it, those of inner keys as dictionaries."""
    numbers: dict[str, Any] = {
        "model": toy_config().model_dump(mode="json"),
        "times": "uniform",
        "masks": SPANS,
        "audio_weight": 1.0,
        "motion_weight": 0.5,
        "lengths": {"shortest": 0.3, "longest": 5.0, "slack": 0},
        "batches": {"frames": 200, "workers": 0},
        "optimiser": {"learning_rate": 2e-3, "warm_up": 2, "decay": 0.5, "clip": 1.0},
        "ema": 0.9,
        "precision": "fp32",
        "steps": 6,
        "save_every": 3,
        "log_every": 2,
    }
    for key, change in changes.items():
        inner = isinstance(change, dict) and isinstance(numbers.get(key), dict)
        numbers[key] = {**numbers[key], **change} if inner else change
    return numbers


def toy_recipe(**changes: Any) -> Recipe:
    """The same, read."""
    return Recipe.model_validate(toy_numbers(**changes))


def write_recipe(path: Path, **changes: Any) -> Recipe:
    """The same as a file."""
    path.write_text(yaml.safe_dump(toy_numbers(**changes)), "utf-8")
    return load_recipe(path)


def trained(recipe: Recipe, shards: Path, run: Path) -> Trainer:
    """Train to the end."""
    trainer = Trainer(recipe, shards, run)
    trainer.run()
    return trainer


def last_weights(run: Path, name: str = "weights") -> dict[str, Tensor]:
    """What a run's newest checkpoint holds."""
    checkpoint = newest(run)
    assert checkpoint is not None
    return load_file(checkpoint / f"{name}.safetensors")


def scalars(run: Path) -> dict[str, dict[int, float]]:
    """The curves of a run: step → value, for each name."""
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    return {
        tag: {event.step: event.value for event in events.Scalars(tag)}
        for tag in events.Tags()["scalars"]
    }
