"""A portrait: the person a renderer draws, as layers of pictures on moving meshes.

On disk a portrait is a folder: `portrait.safetensors` holds every number, and each layer is one
WebP or PNG picture. The layers lie over one another from the background to the hair; the face
has holes at the eyes and the mouth, behind which the eyeballs, teeth and tongue lie complete.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from jamflow_rt.codec.face import N_LANDMARKS
from jamflow_rt.errors import InvalidInput

PULLS = 4
"""Landmarks that may pull one vertex."""
_FILE = "portrait.safetensors"
_ARRAYS = ("vertices", "uv", "triangles", "follow", "pull_index", "pull_weight")


@dataclass(frozen=True)
class Layer:
    """A picture with transparency on a mesh."""

    name: str
    image: NDArray[np.uint8]
    """(H, W, 4) RGBA, alpha not multiplied in."""
    vertices: NDArray[np.float32]
    """(N, 3) at rest, canonical units."""
    uv: NDArray[np.float32]
    """(N, 2) where a vertex lies in the image, x and y from 0 to 1."""
    triangles: NDArray[np.int32]
    """(M, 3) drawn in this order."""
    follow: NDArray[np.float32]
    """(N,) share of the head's movement: 1 moves with the head, 0 stands still."""
    pull_index: NDArray[np.int32]
    """(N, 4) landmarks whose displacement moves a vertex."""
    pull_weight: NDArray[np.float32]
    """(N, 4) how much of it; zeros where fewer than four pull."""


@dataclass(frozen=True)
class Portrait:
    """A drawn person. Immutable; one may serve any number of renderers and threads."""

    name: str
    landmarks: NDArray[np.float32]
    """(478, 3) at rest in the canonical frame: lips closed, eyes open, looking straight."""
    origin: NDArray[np.float32]
    """(2,) where the canonical origin lies in the picture, as shares of its size."""
    unit: float
    """One canonical unit (about a centimetre) as a share of the picture's size."""
    layers: tuple[Layer, ...]
    """From back to front; the first is opaque and fills the picture. Their vertices lie as the
    sitter held the head, which `pose` tells."""
    pose: NDArray[np.float32] = field(default_factory=lambda: np.eye(3, dtype=np.float32))
    """(3, 3) rotation from the canonical frame to the sitter's head."""

    def save(self, folder: Path) -> None:
        """Write the portrait into `folder`, which is made if it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors: dict[str, NDArray[np.generic]] = {
            "landmarks": self.landmarks,
            "origin": self.origin,
            "unit": np.array([self.unit], np.float32),
            "pose": self.pose,
        }
        for layer in self.layers:
            tensors |= {f"{layer.name}.{key}": getattr(layer, key) for key in _ARRAYS}
            image = Image.fromarray(layer.image, "RGBA")
            if (layer.image[..., 3] == 255).all():
                image = image.convert("RGB")
            with (folder / f"{layer.name}.webp").open("wb") as file:
                image.save(file, "WEBP", quality=96, method=6, exact=True, use_sharp_yuv=True)
        names = json.dumps([layer.name for layer in self.layers])
        save_file(
            {key: np.ascontiguousarray(value) for key, value in tensors.items()},
            str(folder / _FILE),
            metadata={"layers": names, "name": self.name},
        )

    @classmethod
    def load(cls, folder: Path) -> Portrait:
        """Read a portrait that `save` wrote.

        Raises:
            InvalidInput: there is no portrait, or it is damaged.
        """
        path = folder / _FILE
        if not path.is_file():
            raise InvalidInput(f"There is no portrait in {folder} ({_FILE} is missing).")
        try:
            with safe_open(str(path), framework="numpy") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            names = json.loads(metadata["layers"])
            layers = tuple(_read_layer(folder, name, tensors) for name in names)
            portrait = cls(
                name=metadata["name"],
                landmarks=_fix(tensors["landmarks"]),
                origin=_fix(tensors["origin"]),
                unit=float(tensors["unit"][0]),
                layers=layers,
                pose=_fix(tensors.get("pose", np.eye(3, dtype=np.float32))),
            )
        except (SafetensorError, KeyError, OSError, UnidentifiedImageError, ValueError) as error:
            raise InvalidInput(f"The portrait in {folder} is damaged: {error}") from error
        _check(portrait, folder)
        return portrait


def _fix(array: NDArray[np.generic]) -> NDArray[np.float32]:
    fixed = np.ascontiguousarray(array, np.float32)
    fixed.setflags(write=False)
    return fixed


def _read_layer(folder: Path, name: str, tensors: Mapping[str, NDArray[np.generic]]) -> Layer:
    files = [folder / f"{name}{suffix}" for suffix in (".webp", ".png")]
    found = [file for file in files if file.is_file()]
    if not found:
        raise ValueError(f"the picture of its layer {name!r} is missing")
    with Image.open(found[0]) as opened:
        image = np.array(opened.convert("RGBA"))
    image.setflags(write=False)
    arrays = {key: tensors[f"{name}.{key}"] for key in _ARRAYS}
    for key, value in arrays.items():
        kind = np.int32 if key in ("triangles", "pull_index") else np.float32
        arrays[key] = np.ascontiguousarray(value, kind)
        arrays[key].setflags(write=False)
    return Layer(name=name, image=image, **arrays)  # type: ignore[arg-type]


def _check(portrait: Portrait, folder: Path) -> None:
    """Refuse numbers that would make the renderer read or write out of bounds."""
    problems: list[str] = []
    if portrait.landmarks.shape != (N_LANDMARKS, 3):
        problems.append(f"landmarks of shape {portrait.landmarks.shape}")
    if portrait.origin.shape != (2,) or not 0 < portrait.unit < 1:
        problems.append("origin or unit out of range")
    if portrait.pose.shape != (3, 3) or not np.isfinite(portrait.pose).all():
        problems.append("pose")
    if not portrait.layers:
        problems.append("no layers")
    elif (portrait.layers[0].image[..., 3] < 255).any():
        problems.append("a transparent background")
    for layer in portrait.layers:
        count = len(layer.vertices)
        shapes = {
            "vertices": (count, 3),
            "uv": (count, 2),
            "triangles": (len(layer.triangles), 3),
            "follow": (count,),
            "pull_index": (count, PULLS),
            "pull_weight": (count, PULLS),
        }
        for key, shape in shapes.items():
            array = getattr(layer, key)
            if array.shape != shape or not np.isfinite(array).all():
                problems.append(f"{layer.name}.{key}")
        for indices, limit in ((layer.triangles, count), (layer.pull_index, N_LANDMARKS)):
            if indices.size and (indices.min() < 0 or indices.max() >= limit):
                problems.append(f"indices of {layer.name}")
        if min(layer.image.shape[:2]) < 2:
            problems.append(f"picture of {layer.name}")
    if not np.isfinite(portrait.landmarks).all() or not np.isfinite(portrait.origin).all():
        problems.append("numbers that are not finite")
    if problems:
        raise InvalidInput(f"The portrait in {folder} is damaged: {', '.join(problems)}.")
