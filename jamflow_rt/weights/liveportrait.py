"""The published weights of LivePortrait, brought into the form that our networks have.

Batch norms that follow a convolution become part of it, and so does the division by the largest
singular value that training with spectral norm left in the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from jamflow_rt.errors import InvalidInput
from jamflow_rt.weights.catalogue import LIVEPORTRAIT
from jamflow_rt.weights.reading import Tensors, below, read_tensors
from jamflow_rt.weights.recognising import instead, recognised

_BATCH_NORM_EPS = 1e-5

FILES: Final = {
    "appearance_extractor": "base_models/appearance_feature_extractor.pth",
    "motion_extractor": "base_models/motion_extractor.pth",
    "warping": "base_models/warping_module.pth",
    "generator": "base_models/spade_generator.pth",
    "stitching": "retargeting_models/stitching_retargeting_module.pth",
}
"""Name of the network → its file in the published folder."""

_RENAMED: Final = {
    "module.": "",  # of the wrapper that trained on several GPUs
    "detector.": "",
    "resblocks_3d.3dr": "volume_blocks.",
    "dense_motion_network.": "dense_motion.",
    "G_middle_": "middle.",
    "mlp_shared.0.": "mlp_shared.",
    "conv_img.0.": "conv_img.",
    "retarget_shoulder.": "stitching.",
    "retarget_eye.": "eyes.",
    "retarget_mouth.": "lips.",
}
"""Part of a published name → of ours."""
_PARTS: Final = ("stitching.", "eyes.", "lips.")
"""Networks of the last file; what its training kept there beside them is left out."""
_NORMED_BY_NAME: Final = {"norm": "conv", "norm2": "conv1"}
"""A batch norm → the convolution before it."""


@dataclass(frozen=True, slots=True)
class Network:
    """Weights of one network, named as ours are."""

    tensors: Tensors
    source: Path
    """The file they come from."""


def read_official(folder: Path) -> dict[str, Network]:
    """Read all files of a published folder.

    Args:
        folder: with `base_models` and `retargeting_models`; or the one above, with `liveportrait`.

    Returns:
        The networks by the names that `FILES` has.

    Raises:
        InvalidInput: files are missing or damaged; the message names them and their source.
    """
    folder = official_folder(folder)
    if not folder.is_dir():
        raise InvalidInput(
            f"{folder} is no folder: name the one with LivePortrait's base_models and "
            "retargeting_models."
        )
    missing = [file for file in FILES.values() if not (folder / file).is_file()]
    if missing:
        raise InvalidInput(
            f"{folder} lacks files of LivePortrait's weights: {', '.join(missing)}. They are "
            f"published at {LIVEPORTRAIT.where}."
        )
    return {name: _read(folder / file) for name, file in FILES.items()}


def _read(path: Path) -> Network:
    tensors = read_tensors(path)
    known = recognised(tensors)
    if known is None or not known.startswith(path.name):
        raise InvalidInput(f"{path} is not what it is called: {instead(tensors)}.")
    return Network(translate(tensors), path)


def official_folder(folder: Path) -> Path:
    """The folder with `base_models`: that one, or `liveportrait` in it."""
    return folder / "liveportrait" if (folder / "liveportrait").is_dir() else folder


def translate(tensors: Mapping[str, Tensor]) -> Tensors:
    """Tensors of a published file, named as ours, with norms folded into what they follow."""
    named = {_our_name(name): tensor for name, tensor in tensors.items()}
    if any(name.startswith(_PARTS) for name in named):
        named = {name: tensor for name, tensor in named.items() if name.startswith(_PARTS)}
    return _without_batch_norm(_without_spectral_norm(named))


def _our_name(name: str) -> str:
    for theirs, ours in _RENAMED.items():
        name = name.replace(theirs, ours)
    return name


def _without_spectral_norm(tensors: Mapping[str, Tensor]) -> Tensors:
    """Weights divided by σ = u · W v, as the old `torch.nn.utils.spectral_norm` does it."""
    folded = {}
    for name, tensor in tensors.items():
        stem = name.removesuffix("_orig")
        if name.endswith(("weight_u", "weight_v")):
            continue
        if stem != name and f"{stem}_u" in tensors:
            matrix = tensor.double().flatten(1)
            u, v = (tensors[f"{stem}_{side}"].double() for side in "uv")
            tensor = (tensor.double() / (u @ (matrix @ v))).to(tensor.dtype)
        folded[stem] = tensor
    return folded


def _without_batch_norm(tensors: Mapping[str, Tensor]) -> Tensors:
    """Every batch norm after a convolution made a part of that."""
    folded = dict(tensors)
    for name in tensors:
        if not name.endswith(".running_var"):
            continue
        norm = name.removesuffix(".running_var")
        conv = _normed_by(norm, tensors)
        if conv is None:
            continue
        part = {key: value.double() for key, value in below(tensors, f"{norm}.").items()}
        gain = part["weight"] * torch.rsqrt(part["running_var"] + _BATCH_NORM_EPS)
        weight, bias = tensors[f"{conv}.weight"], tensors[f"{conv}.bias"]
        scaled = weight.double() * gain.reshape(-1, *(1,) * (weight.ndim - 1))
        shifted = (bias.double() - part["running_mean"]) * gain + part["bias"]
        folded[f"{conv}.weight"] = scaled.to(weight.dtype)
        folded[f"{conv}.bias"] = shifted.to(bias.dtype)
        for key in part:
            del folded[f"{norm}.{key}"]
    return folded


def _normed_by(norm: str, tensors: Mapping[str, Tensor]) -> str | None:
    """The convolution whose output `norm` is applied to; None if it comes first."""
    stem, _, own = norm.rpartition(".")
    conv = "compress" if stem == "dense_motion" else _NORMED_BY_NAME.get(own)
    return f"{stem}.{conv}" if conv and f"{stem}.{conv}.weight" in tensors else None
