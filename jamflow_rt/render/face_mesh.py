"""The face mesh as a layer: skin with openings for eyes and mouth, and rings beyond its outline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.render.portrait import Layer
from jamflow_rt.render.rig import Area, Array, Mesh
from jamflow_rt.render.topology import EYES, LOWER_LIP, OVAL, UPPER_LIP, Eye

# Units around the eyes: a stiff rim that carries lashes, and what hangs over the eyeball.
_RIM = 0.2
_LID_SHADE, _LID_EDGE = 0.42, 0.12
# Units inside the lips: the shade of the upper lip on the teeth, the wet edge of the lower.
LIP_SHADE, LIP_EDGE = 0.34, 0.1
RINGS = ((0.6, 1.0, 0.7), (2.4, 0.5, 2.2), (5.0, 0.0, 3.5))
"""Rings beyond the outline: distance, pull of the outline, depth behind it."""

Follow = Callable[[float, float], float]


@dataclass(frozen=True)
class Face:
    """Where the skin lies."""

    rest: Array
    """(478, 3) the landmarks at rest."""
    texture: Array
    """(478, 3) the same places in the picture."""
    triangles: NDArray[np.int32]
    """(M, 3) the face with openings at the mouth and the eyes."""


def face_layer(
    face: Face,
    image: NDArray[np.uint8],
    area: Area,
    *,
    skirts: bool = True,
    follow: Follow = lambda x, y: 1.0,
) -> Layer:
    """The skin: the face mesh with soft edges at lids and lips, and rings beyond its outline.

    Args:
        face: where the skin lies.
        image: its picture.
        area: what the picture shows.
        skirts: the picture goes on inside of lips and lids, for their soft edges.
        follow: share of the head's movement of a place x, y beyond the outline.
    """
    mesh = Mesh()
    for n in range(468):
        mesh.vertex(face.rest[n], face.texture[n], [(n, 1.0)])
    rims: dict[int, int] = {}
    for eye in EYES:
        if skirts:
            _inner(mesh, face, eye.lower, (0.0, -_LID_EDGE))
        rims |= _eye_rim(mesh, face, eye)
    if skirts:
        _inner(mesh, face, LOWER_LIP.inner, (0.0, -LIP_EDGE))
    mesh.triangles += [
        (rims.get(a, a), rims.get(b, b), rims.get(c, c)) for a, b, c in face.triangles.tolist()
    ]
    if skirts:
        for eye in EYES:
            _inner(mesh, face, eye.upper, (0.0, _LID_SHADE))
        _inner(mesh, face, UPPER_LIP.inner, (0.0, LIP_SHADE))
    _outside(mesh, face, follow)
    return mesh.layer("face", image, area)


def _eye_rim(mesh: Mesh, face: Face, eye: Eye) -> dict[int, int]:
    """Copies of the rim a little way out, so that a blink stretches the lid and not the lashes."""
    loop = [int(i) for i in eye.upper] + [int(i) for i in eye.lower[-2:0:-1]]
    centre = face.rest[loop, :2].mean(0)
    outer = []
    for n, i in enumerate(loop):
        tangent = face.rest[loop[(n + 1) % len(loop)], :2] - face.rest[loop[n - 1], :2]
        normal = np.array([tangent[1], -tangent[0]]) / np.linalg.norm(tangent)
        if normal @ (face.rest[i, :2] - centre) < 0:
            normal = -normal
        shift = np.append(normal * _RIM, 0).astype(np.float32)
        outer.append(mesh.vertex(face.rest[i] + shift, face.texture[i] + shift, [(i, 1.0)]))
    mesh.strip([*outer, outer[0]], [*loop, loop[0]])
    return dict(zip(loop, outer, strict=True))


def _inner(mesh: Mesh, face: Face, edge: NDArray[np.int64], towards: tuple[float, float]) -> None:
    """A row of triangles from a rim into its opening, narrow where the opening is narrow."""
    rim = [int(i) for i in edge]
    row = []
    for n, i in enumerate(rim):
        share = 1 - abs(2 * n / (len(rim) - 1) - 1) ** 2.5
        shift = np.array([towards[0] * share, towards[1] * share, 0.05], np.float32)
        row.append(mesh.vertex(face.rest[i] + shift, face.texture[i] + shift, [(i, 1.0)]))
    mesh.strip(rim, row)


def _outside(mesh: Mesh, face: Face, follow: Follow) -> None:
    """Rings beyond the outline of the face: its soft edge, the temples, the skull."""
    # They spread from a little below the tip of the nose.
    centre = face.rest[4, :2] + np.array([0.0, 0.42], np.float32)
    inner = [int(i) for i in OVAL]
    for distance, pull, depth in RINGS:
        ring = []
        for i in OVAL:
            away = face.rest[i, :2] - centre
            shift = np.append(away / np.linalg.norm(away) * distance, depth).astype(np.float32)
            place = face.rest[i] + shift
            pulls = [(int(i), pull)] if pull else []
            held = follow(float(place[0]), float(place[1]))
            ring.append(mesh.vertex(place, face.texture[i] + shift, pulls, held))
        mesh.strip([*inner, inner[0]], [*ring, ring[0]])
        inner = ring
