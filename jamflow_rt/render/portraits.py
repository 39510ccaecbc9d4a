"""The portraits that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.portrait import Portrait

DEFAULT_PORTRAIT: Final = "mara"


def _folder() -> Path:
    return Path(__file__).resolve().parent.parent / "assets" / "portraits"


def portrait_names() -> tuple[str, ...]:
    """Names that `load_portrait` knows, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in _folder().glob("*/portrait.safetensors")))


def canonical_face() -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """MediaPipe's canonical face (Apache-2.0): (468, 3) canonical frame, and triangles (M, 3)."""
    tensors = load_file(str(_folder() / "canonical_face.safetensors"))
    mesh = np.asarray(tensors["xyz"] * np.array([1, -1, -1]), np.float32)
    return mesh, tensors["triangles"].astype(np.int32)


def load_portrait(name: str = DEFAULT_PORTRAIT) -> Portrait:
    """A portrait that comes with the package.

    Raises:
        InvalidInput: there is none of that name.
    """
    names = portrait_names()
    if name not in names:
        known = ", ".join(names) or "none"
        raise InvalidInput(f"There is no portrait named {name!r}. Portraits here: {known}.")
    return Portrait.load(_folder() / name)
