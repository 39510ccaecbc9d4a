"""FaceState: what a face does at one instant. Every renderer and every client starts from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

N_LANDMARKS = 478


class Keypoints(NamedTuple):
    """What LivePortrait knows of a face beside its pose."""

    expression: NDArray[np.float32]
    """(21, 3) δ: how far each implicit keypoint is from its canonical place."""
    frame: int
    """The frame of the driving video that it belongs to; 0 for a photograph."""


@dataclass(frozen=True, slots=True)
class FaceState:
    """A face at one instant.

    The canonical frame: x to the right of the picture, y down, z away from the viewer, in
    centimetres as on MediaPipe's canonical face (outer eye corners about 8.8 apart).
    """

    landmarks: NDArray[np.float32]
    """(478, 3) pose-free landmarks in the canonical frame, MediaPipe's order."""
    rotation: NDArray[np.float32]
    """(3,) head rotation as a rotation vector in radians; zero looks straight at the viewer."""
    translation: NDArray[np.float32]
    """(2,) head shift in canonical units, x right and y down; zero is the rest position."""
    scale: float
    """Head size relative to rest; 1 is rest, more is nearer."""
    keypoints: Keypoints | None = None
    """Where the motion came as LivePortrait's keypoints; the landmarks then follow from them."""

    def inner_lip_gap(self) -> float:
        """Distance between the inner lips (landmarks 13 and 14) in canonical units."""
        return float(np.linalg.norm(self.landmarks[13] - self.landmarks[14]))
