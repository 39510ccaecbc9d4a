"""Rigid alignment of face meshes: what is head pose and what is expression.

A face mesh is 478 landmarks in MediaPipe's order. The canonical frame has x to the right of the
picture, y down, z away from the viewer, and centimetres as on MediaPipe's canonical face
(outer eye corners 8.8 apart).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float32]

# Landmarks that the face muscles hardly move: forehead, nose bridge, temples.
RIGID = np.array(
    [10, 338, 297, 332, 109, 67, 103, 151, 9, 8, 108, 69, 104, 337, 299, 333]
    + [168, 6, 197, 195, 122, 351, 193, 417]
    + [127, 356, 162, 389, 21, 251, 34, 264, 139, 368]
)


class Pose(NamedTuple):
    """Similarity transforms mesh → picture: `x = scale · R(rotation) · mesh + translation`."""

    rotation: Array  # (T, 3) rotation vectors, radians
    translation: Array  # (T, 3) picture units
    scale: Array  # (T,)


def align(meshes: Array, reference: Array, subset: NDArray[np.int_] = RIGID) -> tuple[Array, Pose]:
    """Take the head pose out of `meshes`, by Procrustes (Umeyama) on the rigid landmarks.

    Args:
        meshes: (T, 478, 3) landmarks in any isotropic unit, for instance pixels.
        reference: (478, 3) mesh in the canonical frame.
        subset: indices of the landmarks that define the pose.

    Returns:
        The meshes in the canonical frame (T, 478, 3), and the pose of each frame.
    """
    source = reference[subset].astype(np.float64)
    target = meshes[:, subset].astype(np.float64)
    source_centre, target_centre = source.mean(0), target.mean(1, keepdims=True)
    source, target = source - source_centre, target - target_centre
    u, singular, vt = np.linalg.svd(np.einsum("tni,nj->tij", target, source))
    sign = np.ones_like(singular)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    scale = (singular * sign).sum(1) / (source**2).sum()
    translation = target_centre[:, 0] - scale[:, None] * np.einsum(
        "tij,j->ti", rotation, source_centre
    )
    canonical = (
        np.einsum("tji,tnj->tni", rotation, meshes - translation[:, None]) / scale[:, None, None]
    )
    pose = Pose(
        Rotation.from_matrix(rotation).as_rotvec().astype(np.float32),
        translation.astype(np.float32),
        scale.astype(np.float32),
    )
    return canonical.astype(np.float32), pose


def place(meshes: Array, pose: Pose) -> Array:
    """Put canonical meshes (T, 478, 3) back into the picture: the inverse of `align`."""
    rotation = Rotation.from_rotvec(pose.rotation).as_matrix()
    turned = np.einsum("tij,tnj->tni", rotation, meshes) * pose.scale[:, None, None]
    return np.asarray(turned + pose.translation[:, None], np.float32)
