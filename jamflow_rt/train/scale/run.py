"""A recipe, clips and a folder: what the commands start."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jamflow_rt.errors import NotSupported
from jamflow_rt.train.scale.recipe import load_recipe


def train_recipe(
    recipe: str | Path, shards: Path, work: Path, overrides: Iterable[str] = ()
) -> Path:
    """Train by a recipe; what was broken off goes on.

    Args:
        recipe: a YAML file, or the name of a shipped recipe.
        shards: folder of prepared clips.
        work: the run gets a folder of the recipe's name in it.
        overrides: `key.key=value`, to be set over the recipe's.

    Returns:
        The folder of the run; `model.safetensors` in it is what was learned.

    Raises:
        InvalidInput: recipe, clips, weights or a checkpoint are wrong, or do not fit each other.
        NotSupported: the `train` extra is not installed.
        Failed: the loss is no number any more; the training was asked to stop; another process
            of it is gone.
    """
    numbers = load_recipe(recipe, overrides)
    try:
        from jamflow_rt.train.scale.machines import missing_each_other
        from jamflow_rt.train.scale.trainer import Trainer
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("jamflow_rt"):
            raise
        raise NotSupported(
            f"Training needs {error.name}: pip install 'jamflow-rt[train]'."
        ) from error
    folder = work / Path(recipe).stem
    with missing_each_other():
        Trainer(numbers, shards, folder).run()
    return folder
