"""Between the face mesh and LivePortrait's expressions δ: a linear map, made by geometry.

It lets the default model's motion drive LivePortrait's renderer, and gives faces whose motion came
as keypoints a mesh for clients that draw one. δ are in LivePortrait's units, meshes in centimetres;
y points down in both.

Spreads are those of the published template `talking` and of the speaker of GRID.

| δ | follows from the mesh | a centimetre makes | from |
|---|---|---|---|
| 19 y | lower lip (landmark 14) down | 0.080 | spread 0.027 in `talking`, 0.337 cm in GRID |
| 19 x | lower lip aside | 0.045 | 0.0021 and 0.047 cm, the same |
| 20 y | upper lip (13) down | 0.023 | 0.0040 and 0.175 cm, the same |
| 20 x | upper lip aside | 0.038 | 0.0018 and 0.048 cm, the same |
| 17 y | lower lip down | −0.0033 | 0.0011; moves against 19 y (correlation −0.61 in `talking`) |
| 14 y | chin (152) down | 0.014 | 0.0041 and 0.300 cm; the sign is our choice |
| 11 y, 15 y | upper lid towards the lower (159/145, 386/374) | 0.016 | 0.014 in `wink`, 0.9 cm; ¹ |
| 13 y, 16 y | the same | −0.003 | `wink`; ¹ |
| 1 y, 2 y | brows (105, 334) down | 0.010 | our choice |

¹ Which of the two is which eye is our choice.

All other numbers stay as the source has them. The width of the mouth moves none of them: public
templates do not tell which keypoint it moves. Signs of the lips: opening them raises 19 y and
lowers 20 y (template `open_lip`; LivePortrait's own numbers for closed lips say the same).

The way back is the least-squares inverse within the shipped motion space, so that a mesh stays a
face: a mesh's own expression comes back exactly.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.face import N_LANDMARKS
from jamflow_rt.codec.keypoints import N_KEYPOINTS
from jamflow_rt.codec.motion import POSE_SIZE, MotionSpace

Floats = NDArray[np.float32]

_X, _Y = 0, 1
# (keypoint, axis of δ) → δ for a centimetre of each (landmark, axis of the mesh).
_MAP: dict[tuple[int, int], dict[tuple[int, int], float]] = {
    (19, _Y): {(14, _Y): 0.080},
    (19, _X): {(14, _X): 0.045},
    (20, _Y): {(13, _Y): 0.023},
    (20, _X): {(13, _X): 0.038},
    (17, _Y): {(14, _Y): -0.0033},
    (14, _Y): {(152, _Y): 0.014},
    (11, _Y): {(159, _Y): 0.016, (145, _Y): -0.016},
    (15, _Y): {(386, _Y): 0.016, (374, _Y): -0.016},
    (13, _Y): {(159, _Y): -0.003, (145, _Y): 0.003},
    (16, _Y): {(386, _Y): -0.003, (374, _Y): 0.003},
    (1, _Y): {(105, _Y): 0.010},
    (2, _Y): {(334, _Y): 0.010},
}
_SHIPPED = Path(__file__).parents[1] / "assets" / "default" / "motion.safetensors"
_SMALLEST = 1e-3
"""Share of the largest singular value under which a direction of the inverse is left out."""


class KeypointMap:
    """A `MeshMap` of the table above. Immutable.

    Args:
        space: the meshes that there are.
    """

    def __init__(self, space: MotionSpace) -> None:
        self.neutral: Floats = space.neutral
        self._forward = np.zeros((3 * N_KEYPOINTS, 3 * N_LANDMARKS))
        for (keypoint, axis), parts in _MAP.items():
            for (landmark, along), weight in parts.items():
                self._forward[3 * keypoint + axis, 3 * landmark + along] = weight
        # The space's own shapes: what a unit step of each number does to the mesh.
        steps = np.eye(space.size - POSE_SIZE, space.size, dtype=np.float32)
        shapes = (space.meshes(steps) - space.average).reshape(len(steps), -1)
        inverse = np.linalg.pinv(self._forward @ shapes.T, rcond=_SMALLEST)
        self._backward = shapes.T @ inverse

    def expressions(self, meshes: Floats) -> Floats:
        """(T, 21, 3) of meshes (T, 478, 3)."""
        moved = (meshes - self.neutral).reshape(len(meshes), -1)
        return np.asarray((moved @ self._forward.T).reshape(-1, N_KEYPOINTS, 3), np.float32)

    def meshes(self, expressions: Floats) -> Floats:
        """(T, 478, 3) of expressions (T, 21, 3)."""
        moved = expressions.reshape(len(expressions), -1) @ self._backward.T
        return np.asarray(self.neutral + moved.reshape(-1, N_LANDMARKS, 3), np.float32)


@lru_cache(maxsize=1)
def load_mesh_map() -> KeypointMap:
    """The map for the motion space that ships in the package."""
    return KeypointMap(MotionSpace.load(_SHIPPED))
