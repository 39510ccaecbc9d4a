"""What every motion space looks like from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.face import FaceState
from jamflow_rt.config import MotionGroup
from jamflow_rt.errors import InvalidInput

Floats = NDArray[np.float32]


class Space(Protocol):
    """Motion latents (T, D) ⇄ faces: `MotionSpace` (mesh) or `KeypointSpace` (LivePortrait)."""

    @property
    def groups(self) -> tuple[MotionGroup, ...]:
        """The groups of the latent vector, in order."""
        ...

    @property
    def size(self) -> int:
        """D, numbers a motion frame."""
        ...

    @property
    def rest(self) -> Floats:
        """(D,) the latent of the face at rest."""
        ...

    @property
    def neutral(self) -> Floats:
        """(478, 3) the mesh at rest."""
        ...

    def given(self, first: int, count: int) -> Floats | None:
        """(count, R) what the network is told beside the latents; None where it is told nothing.

        Args:
            first: motion frame of the performance; negative before its beginning.
            count: frames.
        """
        ...

    def decode(self, latents: Floats, first: int = 0) -> list[FaceState]:
        """Faces of latents (T, D), the first at that frame of the performance."""
        ...

    def steady(self, latents: Floats) -> Floats:
        """The same motion (T, D) with a steady head."""
        ...

    def encode_faces(self, faces: Sequence[FaceState]) -> Floats:
        """Latents (T, D) of faces."""
        ...


def check_latents(latents: Floats, size: int) -> None:
    """Refuse what is no motion of a space with so many numbers a frame.

    Raises:
        InvalidInput: the shape is another, or there are NaN or infinite numbers.
    """
    if latents.ndim != 2 or latents.shape[1] != size:
        raise InvalidInput(
            f"Motion of shape {latents.shape} does not fit: this space wants (frames, {size})."
        )
    if not np.isfinite(latents).all():
        raise InvalidInput("Motion holds NaN or infinite numbers.")
