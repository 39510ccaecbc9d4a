"""The sitter's proportions: where the 478 landmarks lie, at rest and as the texture is painted.

The start is MediaPipe's canonical face (Apache-2.0), which is an average of nobody; from there the
face takes the width, the chin and the nose of a look, and eyes, brows and lips are set along its
curves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from jamflow_rt.render.face_mesh import Face
from jamflow_rt.render.portraits import canonical_face
from jamflow_rt.render.topology import EYES, LOWER_LIP, OVAL, UPPER_LIP, without_holes
from jamflow_rt.train.illustration.look import Shape
from jamflow_rt.train.illustration.paint import Array, smoothstep, spline

IRIS_RADIUS = 0.69
_PARTED = 0.62


class Design(Face):
    """Landmarks of the sitter.

    At rest the lips are closed; in the texture they are painted parted, so that both lie open to
    the brush, and its z is what the light falls on, rounder than the z of `rest`.
    """


def make_design(shape: Shape) -> Design:
    """Make a sitter of this shape from the canonical face."""
    mesh, triangles = canonical_face()
    mesh = _set_features(_reshape(mesh, shape), shape)
    rest = np.concatenate([mesh, _irises(mesh, shape)]).astype(np.float32)
    texture = rest.copy()
    texture[:, 1] += part_lips(rest, shape)
    # Flatter behind the temples: what turns away from the viewer must not fold over the cheek.
    rest[:, 2] = np.where(rest[:, 2] > -1, -1 + (rest[:, 2] + 1) * 0.3, rest[:, 2])
    return Design(rest, texture, without_holes(triangles))


def _reshape(mesh: Array, shape: Shape) -> Array:
    x, y, z = mesh.T.copy()
    x = x * np.interp(y, *np.array(shape.width).T)
    y = y - shape.chin * smoothstep(4.0, 9.4, y)
    near = np.exp(-(((x / 2.1) ** 2) + ((y - 1.0) / 2.2) ** 2))
    x = x * (1 - (1 - 0.78 * shape.nose) * near)
    y = y - shape.nose_lift * near
    z = z + shape.nose_out * np.exp(-((x / 1.6) ** 2 + ((y - 0.9) / 1.6) ** 2))
    return np.asarray(np.stack([x, y, z], 1), np.float32)


def _along(curve: Array, fractions: Array) -> Array:
    index = fractions * (len(curve) - 1)
    at = np.arange(len(curve))
    return np.stack([np.interp(index, at, curve[:, d]) for d in (0, 1)], 1).astype(np.float32)


def _fractions(points: Array) -> Array:
    lengths = np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1)
    return np.asarray(np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum(), np.float32)


def _mirror(curve: Array) -> Array:
    """A curve of the right half with its mirror image before it, from left to right."""
    return np.asarray(np.concatenate([curve[:0:-1] * [-1, 1], curve]), np.float32)


def _set_features(mesh: Array, shape: Shape) -> Array:
    target: dict[int, Array] = {}

    def put(indices: NDArray[np.int64], places: Array) -> None:
        target.update({int(i): p for i, p in zip(indices, places, strict=True)})

    upper = spline([*shape.lid_up, shape.canthus])
    lower = spline([*shape.lid_low, shape.canthus])
    for eye, side in ((EYES[0], -1), (EYES[1], 1)):
        for lid, curve in ((eye.upper, upper), (eye.lower, lower)):
            # Lids run from the outer to the inner corner, the curves the other way.
            places = _along(curve, 1 - _fractions(mesh[lid]))
            put(lid, places * [side, 1])
    tops, lows = spline(shape.brow_top), spline(shape.brow_low)
    for indices, curve, side in (
        ([107, 66, 105, 63, 70], tops, -1),
        ([55, 65, 52, 53, 46], lows, -1),
        ([336, 296, 334, 293, 300], tops, 1),
        ([285, 295, 282, 283, 276], lows, 1),
    ):
        put(np.array(indices), _along(curve, np.linspace(0, 1, 5)) * [side, 1])
    outer = {"up": _mirror(spline(shape.lip_top)), "low": _mirror(spline(shape.lip_low))}
    seam = _mirror(spline(shape.lip_seam))
    for lips, edge in ((UPPER_LIP, outer["up"]), (LOWER_LIP, outer["low"])):
        fractions = _fractions(mesh[UPPER_LIP.outer])
        places_out, places_in = _along(edge, fractions), _along(seam, fractions)
        for ring, share in enumerate((0.0, 0.3, 0.68, 1.0)):
            put(lips.rings[ring], places_out + share * (places_in - places_out))
    held = [int(i) for i in OVAL] + [
        1,
        2,
        4,
        5,
        6,
        168,
        195,
        197,
        98,
        327,
        9,
        151,
        50,
        280,
        18,
        200,
    ]
    keys = list(target) + held
    shift = np.array([target[k] - mesh[k, :2] if k in target else (0.0, 0.0) for k in keys])
    spots = mesh[keys, :2] + np.random.default_rng(0).normal(0, 1e-4, (len(keys), 2))
    field = RBFInterpolator(spots, shift, kernel="linear", smoothing=1e-3)
    moved = mesh.copy()
    moved[:, :2] += field(mesh[:, :2])
    for key, place in target.items():
        moved[key, :2] = place
    # Closed lips bulge a little between the teeth and the air.
    for lips in (UPPER_LIP, LOWER_LIP):
        bulge = 1 - np.linspace(-1, 1, 11) ** 2
        for ring, depth in enumerate((0.0, 0.12, 0.12, -0.1)):
            edge = (mesh[UPPER_LIP.outer, 2] + mesh[LOWER_LIP.outer, 2]) / 2
            moved[lips.rings[ring], 2] = edge - depth * bulge
    return moved.astype(np.float32)


def _irises(mesh: Array, shape: Shape) -> Array:
    points = []
    for eye, side in ((EYES[0], -1), (EYES[1], 1)):
        depth = mesh[eye.upper[4], 2]
        x, y = shape.iris[0] * side, shape.iris[1]
        for dx, dy in ((0, 0), (1, 0), (0, -1), (-1, 0), (0, 1)):
            points.append((x + dx * IRIS_RADIUS, y + dy * IRIS_RADIUS, depth))
    return np.array(points, np.float32)


def part_lips(points: Array, shape: Shape) -> Array:
    """How far down (units) a rest point (N, 2+) is painted, for the lips to be parted."""
    x, y = points[:, 0], points[:, 1]
    bow = np.clip(1 - (x / 2.25) ** 2, 0, 1) ** 0.75
    side = np.exp(-np.clip(np.abs(x) - 2.0, 0, None))
    below = smoothstep(0, 1, (8.3 - y) / 2.6)
    shift = np.where(y > shape.seam, _PARTED * bow * side * below, 0.0)
    # On the seam itself, what counts is which lip a landmark belongs to.
    if len(points) == 478:
        for ring, part in ((UPPER_LIP, 0.0), (LOWER_LIP, 1.0)):
            for row in ring.rings[1:]:
                shift[row[1:-1]] = part * _PARTED * bow[row[1:-1]]
    return np.asarray(shift, np.float32)
