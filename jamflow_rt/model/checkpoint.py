"""Weights of the joint model as safetensors, with the configuration inside."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from jamflow_rt.config import ModelConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.model.jam import JamFlow


def save_checkpoint(model: JamFlow, path: Path) -> None:
    """Write weights as fp16; the configuration travels in the file's metadata."""
    tensors = {k: v.detach().half().contiguous() for k, v in model.state_dict().items()}
    draft = path.with_suffix(".tmp")
    save_file(tensors, str(draft), metadata={"config": model.config.model_dump_json()})
    draft.replace(path)


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> JamFlow:
    """Read a model that `save_checkpoint` wrote.

    Raises:
        InvalidInput: the file is missing, damaged, or not such a checkpoint.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        model = JamFlow(ModelConfig.model_validate_json(metadata["config"]))
        model.load_state_dict(tensors)
    except (OSError, SafetensorError, KeyError, ValidationError, RuntimeError) as error:
        raise InvalidInput(f"{path} is no checkpoint of the joint model: {error}") from error
    return model.to(device).eval()
