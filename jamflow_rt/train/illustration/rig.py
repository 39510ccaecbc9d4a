"""The meshes of the layers and what moves their vertices."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.render.portrait import PULLS, Layer
from jamflow_rt.render.topology import EYES, LOWER_LIP, OVAL, UPPER_LIP, Eye
from jamflow_rt.train.illustration.design import Design
from jamflow_rt.train.illustration.paint import Array, Sheet

# Units around the eyes: a stiff rim that carries lashes, and what hangs over the eyeball.
_RIM = 0.2
_LID_SHADE, _LID_EDGE = 0.42, 0.12
_LASHES = 0.75
# Units inside the lips: the shade of the upper lip on the teeth, the wet edge of the lower.
LIP_SHADE, LIP_EDGE = 0.34, 0.1
_OUTER_RINGS = ((0.6, 1.0, 0.7), (2.4, 0.5, 2.2), (5.0, 0.0, 3.5))  # distance, pull, depth

Pull = list[tuple[int, float]]


class _Mesh:
    """Vertices and triangles while they are collected."""

    def __init__(self) -> None:
        self.rest: list[Array] = []
        self.texture: list[Array] = []
        self.pulls: list[Pull] = []
        self.triangles: list[tuple[int, int, int]] = []

    def vertex(self, rest: Array, texture: Array, pulls: Pull) -> int:
        self.rest.append(rest)
        self.texture.append(texture)
        self.pulls.append(pulls)
        return len(self.rest) - 1

    def strip(self, first: list[int], second: list[int]) -> None:
        """Two triangles for every step along two rows of vertices."""
        for n in range(len(first) - 1):
            a, b, c, d = first[n], first[n + 1], second[n], second[n + 1]
            self.triangles += [(a, b, c), (b, d, c)]

    def layer(self, name: str, image: NDArray[np.uint8], sheet: Sheet) -> Layer:
        texture = np.array(self.texture)
        return make_layer(
            name, image, sheet, np.array(self.rest), self.pulls, self.triangles, texture
        )


def make_layer(
    name: str,
    image: NDArray[np.uint8],
    sheet: Sheet,
    rest: Array,
    pulls: list[Pull],
    triangles: list[tuple[int, int, int]],
    texture: Array | None = None,
    follow: Array | None = None,
) -> Layer:
    """A layer whose image was painted on `sheet`; `texture` says where, `rest` unless given."""
    index = np.zeros((len(rest), PULLS), np.int32)
    weight = np.zeros((len(rest), PULLS), np.float32)
    for n, pull in enumerate(pulls):
        for k, (landmark, share) in enumerate(pull):
            index[n, k], weight[n, k] = landmark, share
    places = rest if texture is None else texture
    uv = (places[:, :2] - [sheet.left, sheet.top]) / [
        sheet.right - sheet.left,
        sheet.bottom - sheet.top,
    ]
    return Layer(
        name=name,
        image=image,
        vertices=rest.astype(np.float32),
        uv=uv.astype(np.float32),
        triangles=np.array(triangles, np.int32),
        follow=np.ones(len(rest), np.float32) if follow is None else follow.astype(np.float32),
        pull_index=index,
        pull_weight=weight,
    )


class Grid(NamedTuple):
    """How a layer that is no face hangs on the head."""

    depth: Callable[[Array, Array], Array]
    """z of places x, y."""
    follow: Callable[[Array, Array], Array]
    """Share of the head's movement of places x, y."""
    pulls: Callable[[float, float], Pull] = lambda x, y: []
    """Landmarks that move a place."""


def grid_layer(
    name: str, image: NDArray[np.uint8], sheet: Sheet, spacing: float, grid: Grid
) -> Layer:
    """A layer on a regular grid over the whole sheet, cells of about `spacing` units."""
    columns = max(1, round((sheet.right - sheet.left) / spacing)) + 1
    rows = max(1, round((sheet.bottom - sheet.top) / spacing)) + 1
    across, down = np.meshgrid(
        np.linspace(sheet.left, sheet.right, columns, dtype=np.float32),
        np.linspace(sheet.top, sheet.bottom, rows, dtype=np.float32),
    )
    x, y = across.ravel(), down.ravel()
    rest = np.stack([x, y, grid.depth(x, y) + np.zeros_like(x)], 1)
    triangles = []
    for r in range(rows - 1):
        for c in range(columns - 1):
            a = r * columns + c
            triangles += [(a, a + 1, a + columns), (a + 1, a + columns + 1, a + columns)]
    pulls = [grid.pulls(float(px), float(py)) for px, py in zip(x, y, strict=True)]
    follow = grid.follow(x, y) + np.zeros_like(x)
    return make_layer(name, image, sheet, rest, pulls, triangles, follow=follow)


def face_layer(design: Design, image: NDArray[np.uint8], sheet: Sheet) -> Layer:
    """The skin: the face mesh with soft edges at lids and lips, and rings beyond its outline."""
    mesh = _Mesh()
    for n in range(468):
        mesh.vertex(design.rest[n], design.texture[n], [(n, 1.0)])
    rims: dict[int, int] = {}
    for eye in EYES:
        rims |= _eye_rim(mesh, design, eye)
    _skirt(mesh, design, LOWER_LIP.inner, (0.0, -LIP_EDGE))
    mesh.triangles += [
        (rims.get(a, a), rims.get(b, b), rims.get(c, c)) for a, b, c in design.triangles.tolist()
    ]
    for eye in EYES:
        _lid_shade(mesh, design, eye)
    _skirt(mesh, design, UPPER_LIP.inner, (0.0, LIP_SHADE))
    _outside(mesh, design)
    return mesh.layer("face", image, sheet)


def _eye_rim(mesh: _Mesh, design: Design, eye: Eye) -> dict[int, int]:
    """Copies of the rim a little way out, so that a blink stretches the lid and not the lashes."""
    loop = [int(i) for i in eye.upper] + [int(i) for i in eye.lower[-2:0:-1]]
    centre = design.rest[loop, :2].mean(0)
    outer = []
    for n, i in enumerate(loop):
        tangent = design.rest[loop[(n + 1) % len(loop)], :2] - design.rest[loop[n - 1], :2]
        normal = np.array([tangent[1], -tangent[0]]) / np.linalg.norm(tangent)
        if normal @ (design.rest[i, :2] - centre) < 0:
            normal = -normal
        shift = np.append(normal * _RIM, 0).astype(np.float32)
        outer.append(mesh.vertex(design.rest[i] + shift, design.texture[i] + shift, [(i, 1.0)]))
    lower = [int(i) for i in eye.lower]
    _inner(mesh, design, lower, (0.0, -_LID_EDGE))
    mesh.strip([*outer, outer[0]], [*loop, loop[0]])
    return dict(zip(loop, outer, strict=True))


def _lid_shade(mesh: _Mesh, design: Design, eye: Eye) -> None:
    _inner(mesh, design, [int(i) for i in eye.upper], (0.0, _LID_SHADE))


def lash_layer(
    name: str, design: Design, image: NDArray[np.uint8], sheet: Sheet, eye: Eye
) -> Layer:
    """Upper lashes: rooted in the lid, their tips turn down as it closes."""
    mesh = _Mesh()
    rows: list[list[int]] = [[], [], []]
    for n, i in enumerate(int(i) for i in eye.upper):
        # The corners hardly move: there the tips follow the lid beside them.
        mate = int(eye.upper[np.clip(n, 2, 6)])
        opening = float(design.rest[int(eye.lower[np.clip(n, 2, 6)]), 1] - design.rest[mate, 1])
        swing = 1.7 * _LASHES / opening
        for row, (height, turn) in enumerate(((-0.12, 0.0), (0.0, 0.0), (_LASHES, swing))):
            shift = np.array([0, -height, -0.1], np.float32)
            pulls = [(i, 1.0), (mate, turn)]
            place = design.rest[i] + shift
            rows[row].append(mesh.vertex(place, design.texture[i] + shift, pulls))
    mesh.strip(rows[0], rows[1])
    mesh.strip(rows[1], rows[2])
    return mesh.layer(name, image, sheet)


def _skirt(
    mesh: _Mesh, design: Design, rim: NDArray[np.int64], towards: tuple[float, float]
) -> None:
    _inner(mesh, design, [int(i) for i in rim], towards)


def _inner(mesh: _Mesh, design: Design, rim: list[int], towards: tuple[float, float]) -> None:
    """A row of triangles from a rim into its opening, narrow where the opening is narrow."""
    row = []
    for n, i in enumerate(rim):
        share = 1 - abs(2 * n / (len(rim) - 1) - 1) ** 2.5
        shift = np.array([towards[0] * share, towards[1] * share, 0.05], np.float32)
        row.append(mesh.vertex(design.rest[i] + shift, design.texture[i] + shift, [(i, 1.0)]))
    mesh.strip(rim, row)


def _outside(mesh: _Mesh, design: Design) -> None:
    """Rings beyond the outline of the face: its soft edge, the temples, the skull."""
    centre = np.array([0.0, 0.6], np.float32)
    inner = [int(i) for i in OVAL]
    for distance, pull, depth in _OUTER_RINGS:
        ring = []
        for i in OVAL:
            away = design.rest[i, :2] - centre
            shift = np.append(away / np.linalg.norm(away) * distance, depth).astype(np.float32)
            pulls = [(int(i), pull)] if pull else []
            ring.append(mesh.vertex(design.rest[i] + shift, design.texture[i] + shift, pulls))
        mesh.strip([*inner, inner[0]], [*ring, ring[0]])
        inner = ring
