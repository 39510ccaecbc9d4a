"""Tracked faces → the `mesh` motion space: the second half of `jamflow-rt prepare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.alignment import align
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.errors import InvalidInput
from jamflow_rt.track.clip import face_clip
from jamflow_rt.train.brows import raised_brows

Floats = NDArray[np.float32]

MOUTH_SIZE = 12
EYES_SIZE = 8
LIPS = np.array(
    [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375]
    + [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 95, 88, 178, 87, 14, 317, 402, 318, 324]
)
EYES = np.array(
    [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]
    + [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249]
    + list(range(468, 478))
)
# The lower face belongs to the mouth, the upper to the eyes; between these heights (cm, y down)
# one fades into the other.
SPLIT = (-0.5, 2.0)
# Landmarks that make the picture: the components should spend their precision on them.
FEATURE_WEIGHT = 3.0


class TrackedClip(NamedTuple):
    """The face motion of one clip, still as meshes."""

    meshes: Floats  # (T, 478, 3) canonical frame
    pose: (
        Floats  # (T, 6) rotation vector, shift in canonical units, log-scale; about the clip's mean
    )
    silent: NDArray[np.bool_]  # (T,) True where nothing is said


def reference_mesh(canonical: Floats, meshes: Floats) -> Floats:
    """The average face (478, 3) in the canonical frame.

    Args:
        canonical: (468, 3) MediaPipe's canonical face (y up, z to the viewer).
        meshes: (T, 478, 3) tracked faces in pixels.
    """
    flipped = np.zeros((meshes.shape[1], 3), np.float32)
    flipped[: len(canonical)] = canonical * np.array([1, -1, -1], np.float32)
    average = flipped
    for _ in range(3):
        average = align(meshes, average)[0].mean(0)
        # Keep the axes and the size of the canonical face; otherwise they would drift.
        average = align(average[None], flipped)[0][0]
    return average


def to_clip(landmarks: Floats, silent: NDArray[np.bool_], reference: Floats) -> TrackedClip:
    """Landmarks in pixels (T, 478, 3) → pose-free meshes and pose, lightly smoothed."""
    return TrackedClip(*face_clip(landmarks, reference), silent)


def _components(shift: Floats, features: NDArray[np.int_], count: int) -> Floats:
    """Weighted principal directions (count, 478, 3), scaled to one standard deviation."""
    weights = np.ones(shift.shape[1], np.float32)
    weights[features] = FEATURE_WEIGHT
    weighted = (shift * weights[None, :, None]).reshape(len(shift), -1).astype(np.float64)
    covariance = weighted.T @ weighted / len(weighted)
    values, vectors = np.linalg.eigh(covariance)
    top = np.argsort(values)[::-1][:count]
    directions = vectors[:, top].T * np.sqrt(values[top])[:, None]
    return np.asarray(directions.reshape(count, -1, 3) / weights[None, :, None], np.float32)


def fit_motion_space(clips: Sequence[TrackedClip]) -> MotionSpace:
    """Principal components of mouth and eyes, whitened; rest from the silent frames.

    Raises:
        InvalidInput: there are fewer than 200 frames, or none of them is silent.
    """
    meshes = np.concatenate([clip.meshes for clip in clips])
    pose = np.concatenate([clip.pose for clip in clips])
    silent = np.concatenate([clip.silent for clip in clips])
    if len(meshes) < 200 or not silent.any():
        raise InvalidInput(
            f"{len(meshes)} frames, {int(silent.sum())} of them silent, are too few to learn a "
            "motion space from; give at least 8 s of video with pauses."
        )
    average = meshes.mean(0)
    shift = meshes - average
    low, high = SPLIT
    lower = np.clip((average[:, 1] - low) / (high - low), 0, 1).astype(np.float32)[None, :, None]
    mouth = _components(shift * lower, LIPS, MOUTH_SIZE)
    eyes = _components(shift * (1 - lower), EYES, EYES_SIZE)
    draft = MotionSpace(
        average=average,
        mouth=mouth,
        eyes=eyes,
        brows=raised_brows(average),
        pose_mean=pose.mean(0),
        pose_std=pose.std(0) + 1e-6,
        rest=np.zeros(0, np.float32),  # not known yet, and not needed to encode
    )
    latents = draft.encode(meshes[silent], pose[silent])
    gaps = np.linalg.norm(meshes[silent][:, 13] - meshes[silent][:, 14], axis=-1)
    closed = latents[gaps <= np.quantile(gaps, 0.5)]
    return replace(draft, rest=np.median(closed, axis=0).astype(np.float32))
