"""The network that a recipe asks for, with the weights that it begins with."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from jamflow_rt.codec.keypoint_map import load_mesh_map
from jamflow_rt.codec.keypoints import KeypointSpace
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.config import ModelConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.model.checkpoint import load_checkpoint
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.train.scale.checkpoints import AVERAGE, newest
from jamflow_rt.train.scale.recipe import Recipe
from jamflow_rt.train.scale.scaling import MotionScale
from jamflow_rt.train.shards import ClipShards
from jamflow_rt.weights.f5 import load_audio_stream

SPACE = "motion.safetensors"
"""The motion space: a mesh's lies beside its shards, every run has one beside its weights."""
SCALE = "scale.safetensors"
"""The scale that a run's weights learn in (`MotionScale`)."""


def config_for(recipe: Recipe, shards: ClipShards) -> ModelConfig:
    """The network's configuration.

    Raises:
        InvalidInput: the clips' motion is not what the network moves.
    """
    if recipe.model == "paper":
        config = ModelConfig.paper()
    elif recipe.model == "default":
        if shards.index.motion != "mesh":
            raise InvalidInput(
                f"{shards.folder} has {shards.index.motion} motion; the default model moves a mesh:"
                " prepare the clips with --motion mesh."
            )
        space = shards.folder / SPACE
        if not space.is_file():
            raise InvalidInput(f"{space} is missing: the default model moves a mesh in its space.")
        config = ModelConfig.default(MotionSpace.load(space).groups)
    else:
        config = recipe.model
    if config.motion is None:
        raise InvalidInput("model: motion is null; a network without a face is not trained here.")
    config = config.model_copy(update={"audio_reads_motion": recipe.audio_reads_motion})
    index = shards.index
    has, wants = (index.motion_size, index.given_size), (config.motion_size, config.given)
    if has[0] != wants[0] or (wants[1] and has[1] != wants[1]):
        raise InvalidInput(
            f"{shards.folder} has {index.motion} motion: {has[0]} numbers a frame and {has[1]} "
            f"that are given. The network of this recipe wants {wants[0]} and {wants[1]}."
        )
    return config


def scale_for(recipe: Recipe, shards: ClipShards, run: Path) -> MotionScale:
    """The scale that the weights learned in which a run goes on with; of the clips if it is new.

    Raises:
        InvalidInput: the weights to begin with move a mesh in another space than the clips'.
    """
    if newest(run) is not None:
        return MotionScale.load(run / SCALE)
    scale, start = MotionScale.of(shards.index), recipe.start.weights
    if start is None:
        return scale
    folder = start if start.is_dir() else start.parent
    space = folder / SPACE
    if shards.index.motion == "mesh":
        theirs, ours = (path / SPACE for path in (folder, shards.folder))
        if theirs.is_file() and ours.is_file() and theirs.read_bytes() != ours.read_bytes():
            raise InvalidInput(
                f"{start} learned to move a mesh in the space {theirs}; the clips of "
                f"{shards.folder} are in another. Prepare them with --space {theirs}."
            )
    elif (folder / SCALE).is_file():
        return MotionScale.load(folder / SCALE)
    elif space.is_file():
        learned = KeypointSpace.load(space, load_mesh_map())
        return scale._replace(mean=learned.mean, std=learned.std)
    return scale


def begin(config: ModelConfig, recipe: Recipe, scale: MotionScale) -> JamFlow:
    """A network with the weights that the recipe starts with; random ones elsewhere.

    Raises:
        InvalidInput: weights are missing, damaged, or of another network; or a stream is frozen
            that has no weights, or a recipe names weights and has none.
    """
    torch.manual_seed(recipe.seed)
    model = JamFlow(config)
    start = recipe.start
    if recipe.frozen and start.weights is None and (start.f5 is None or "motion" in recipe.frozen):
        raise InvalidInput(
            f"The {recipe.frozen[0]} stream is frozen, so it needs weights: set start.f5 to those "
            "of F5-TTS (audio), or start.weights to a checkpoint or the folder of a run."
        )
    if start.model_fields_set and start.weights is None and start.f5 is None:
        keys = " or ".join(f"start.{key}" for key in sorted(start.model_fields_set))
        raise InvalidInput(f"This recipe begins with weights: set {keys}.")
    if start.f5 is not None:
        load_audio_stream(model, start.f5)
    if start.weights is not None:
        finished = not start.weights.is_dir()
        try:
            model.load_state_dict(_weights(start.weights))
        except RuntimeError as error:
            raise InvalidInput(
                f"{start.weights} is of another network than the recipe's: {error}"
            ) from error
        if finished:
            scale.unfold_given(model)
    return model


def save_space(shards: ClipShards, scale: MotionScale, run: Path) -> None:
    """Put what turns the network's motion into faces beside its weights, where it is known."""
    if shards.index.motion == "liveportrait":
        KeypointSpace(scale.mean, scale.std, load_mesh_map()).save(run / SPACE)
    elif (shards.folder / SPACE).is_file():
        shutil.copyfile(shards.folder / SPACE, run / SPACE)


def _weights(path: Path) -> dict[str, Tensor]:
    if not path.is_dir():
        return load_checkpoint(path).state_dict()
    checkpoint = newest(path)
    if checkpoint is None:
        raise InvalidInput(f"{path} is no run: it has no checkpoints.")
    try:
        return load_file(checkpoint / AVERAGE)
    except (OSError, SafetensorError) as error:
        raise InvalidInput(f"{checkpoint / AVERAGE} is damaged: {error}") from error
