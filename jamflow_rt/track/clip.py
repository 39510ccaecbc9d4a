"""Tracked landmarks → pose-free meshes and head pose, and those of anybody → motion latents."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from jamflow_rt.codec.alignment import Pose, align
from jamflow_rt.codec.motion import MotionSpace

Floats = NDArray[np.float32]

# Tracking noise in frames: the head moves slowly, lips and lids fast.
SMOOTH_FACE: Final = 0.6
SMOOTH_POSE: Final = 1.5
_RESTING: Final = 0.25
"""Share of the frames, those with the least open lips, that show a face at rest."""


class FaceClip(NamedTuple):
    """The face motion of one clip, still as meshes."""

    meshes: Floats  # (T, 478, 3) canonical frame
    pose: Floats
    """(T, 6) rotation vector, shift in canonical units, log-scale; about the clip's mean."""


def face_clip(landmarks: Floats, reference: Floats) -> FaceClip:
    """Landmarks in pixels (T, 478, 3) → pose-free meshes and pose, lightly smoothed.

    Args:
        landmarks: 25 a second.
        reference: (478, 3) a mesh in the canonical frame.
    """
    meshes, pose = align(landmarks, reference)
    meshes = np.asarray(gaussian_filter1d(meshes, SMOOTH_FACE, axis=0), np.float32)
    return FaceClip(meshes, _relative_pose(pose))


def into_space(landmarks: Floats, space: MotionSpace) -> Floats:
    """Latents (T, D) of anybody's tracked face: landmarks in pixels (T, 478, 3), 25 a second.

    What tells this face from the space's own, the face at rest, is taken out: motion is left.
    """
    neutral = space.neutral
    clip = face_clip(landmarks, neutral)
    gap = np.linalg.norm(clip.meshes[:, 13] - clip.meshes[:, 14], axis=-1)
    rest = np.median(clip.meshes[gap <= np.quantile(gap, _RESTING)], axis=0)
    return space.encode(clip.meshes - rest + neutral, clip.pose)


def _relative_pose(pose: Pose) -> Floats:
    size = pose.scale.mean()
    shift = (pose.translation[:, :2] - pose.translation[:, :2].mean(0)) / size
    log_scale = np.log(pose.scale / size)
    columns = np.concatenate([pose.rotation, shift, log_scale[:, None]], axis=1)
    return np.asarray(gaussian_filter1d(columns, SMOOTH_POSE, axis=0), np.float32)
