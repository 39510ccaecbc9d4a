"""The `mesh` motion space: motion latents ⇄ FaceState.

A motion latent is a whitened vector of four groups: `mouth` and `eyes` (principal components of
the lower and the upper face, learned from real video by `jamflow-rt prepare`), `brows` (a drawn
shape, since a filmed speaker may hardly move his) and `pose` (head rotation 3, shift 2,
log-scale 1). Everything is relative to the average, so a latent of zeros is
the average face and unit steps are as likely in every direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from scipy.ndimage import gaussian_filter1d

from jamflow_rt.codec.face import N_LANDMARKS, FaceState
from jamflow_rt.codec.space import check_latents
from jamflow_rt.config import MotionGroup

POSE_SIZE = 6
STEADY_FRAMES = 1.5
"""Standard deviation of the filter that keeps a head steady."""


@dataclass(frozen=True)
class MotionSpace:
    """Linear map between motion latents and faces. Immutable; shared by all sessions."""

    average: NDArray[np.float32]
    """(478, 3) the latent origin in the canonical frame."""
    mouth: NDArray[np.float32]
    """(M, 478, 3) displacement for one unit of each mouth number."""
    eyes: NDArray[np.float32]
    """(E, 478, 3) displacement for one unit of each number of the eyes."""
    brows: NDArray[np.float32]
    """(B, 478, 3) displacement for one unit of each number of the brows; positive is up."""
    pose_mean: NDArray[np.float32]
    """(6,)"""
    pose_std: NDArray[np.float32]
    """(6,)"""
    rest: NDArray[np.float32]
    """(D,) the latent of the face at rest: lips closed, eyes open, looking straight."""

    @property
    def groups(self) -> tuple[MotionGroup, ...]:
        """The groups of the latent vector, in order."""
        sizes = {
            "mouth": len(self.mouth),
            "eyes": len(self.eyes),
            "brows": len(self.brows),
            "pose": POSE_SIZE,
        }
        return tuple(MotionGroup(name=name, size=size) for name, size in sizes.items() if size)

    @property
    def size(self) -> int:
        """Numbers a motion frame."""
        return len(self._basis) + POSE_SIZE

    @cached_property
    def _basis(self) -> NDArray[np.float32]:
        shapes = np.concatenate([self.mouth, self.eyes, self.brows])
        return shapes.reshape(-1, N_LANDMARKS * 3)

    @cached_property
    def _projection(self) -> NDArray[np.float64]:
        """(478 · 3, components): least squares. Motion that is pushed in is encoded as it comes."""
        return np.asarray(np.linalg.pinv(self._basis.astype(np.float64)))

    @property
    def neutral(self) -> NDArray[np.float32]:
        """(478, 3) the mesh at rest; renderers apply a face's difference from it."""
        return np.asarray(self.meshes(self.rest[None])[0])

    def meshes(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pose-free meshes (T, 478, 3) of latents (T, D)."""
        check_latents(latents, self.size)
        basis = self._basis
        shift = latents[:, : len(basis)].astype(np.float32) @ basis
        return np.asarray(self.average + shift.reshape(-1, N_LANDMARKS, 3))

    def given(self, first: int, count: int) -> None:
        """Nothing is given beside the latents: they are the whole face."""

    def decode(self, latents: NDArray[np.float32], first: int = 0) -> list[FaceState]:
        """Faces of latents (T, D), whichever frame of a performance is the first.

        Raises:
            InvalidInput: the latents have another width, or hold NaN.
        """
        meshes = self.meshes(latents)
        pose = latents[:, -POSE_SIZE:] * self.pose_std + self.pose_mean
        pose = pose - (self.rest[-POSE_SIZE:] * self.pose_std + self.pose_mean)
        return [
            FaceState(
                mesh, p[:3].astype(np.float32), p[3:5].astype(np.float32), float(np.exp(p[5]))
            )
            for mesh, p in zip(meshes, pose, strict=True)
        ]

    def steady(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same motion (T, D) with a steady head: what is generated trembles a little.

        A Gaussian of 1.5 frames, as real heads were smoothed with before they were learned.
        """
        calm = latents.copy()
        head = np.s_[:, -POSE_SIZE:]
        calm[head] = gaussian_filter1d(latents[head], STEADY_FRAMES, axis=0, mode="nearest")
        return calm

    def encode(self, meshes: NDArray[np.float32], pose: NDArray[np.float32]) -> NDArray[np.float32]:
        """Latents (T, D) of canonical meshes (T, 478, 3) and raw poses (T, 6)."""
        shift = (meshes - self.average).reshape(len(meshes), -1)
        coefficients = shift @ self._projection
        whitened = (pose - self.pose_mean) / self.pose_std
        return np.concatenate([coefficients, whitened], axis=1).astype(np.float32)

    def encode_faces(self, faces: Sequence[FaceState]) -> NDArray[np.float32]:
        """Latents (T, D) of faces: the nearest in this space; exact for those of `decode`."""
        meshes = np.stack([face.landmarks for face in faces])
        rest = self.rest[-POSE_SIZE:] * self.pose_std + self.pose_mean
        pose = [
            np.concatenate([face.rotation, face.translation, [np.log(face.scale)]])
            for face in faces
        ]
        return self.encode(meshes, np.stack(pose) + rest)

    def save(self, path: Path) -> None:
        """Write the space as safetensors."""
        save_file({name: getattr(self, name) for name in _TENSORS}, str(path))

    @classmethod
    def load(cls, path: Path) -> MotionSpace:
        """Read a space that `save` wrote."""
        with safe_open(str(path), framework="numpy") as file:
            return cls(**{name: file.get_tensor(name) for name in _TENSORS})


_TENSORS = ("average", "mouth", "eyes", "brows", "pose_mean", "pose_std", "rest")
