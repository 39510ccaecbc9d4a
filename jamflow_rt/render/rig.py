"""Meshes of a portrait's layers: vertices, what pulls them, and where they lie in a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.render.portrait import PULLS, Layer

Array = NDArray[np.float32]
Pull = list[tuple[int, float]]


@dataclass(frozen=True)
class Area:
    """The rectangle, in canonical units, that a layer's picture shows."""

    left: float
    top: float
    right: float
    bottom: float


class Mesh:
    """Vertices and triangles while they are collected."""

    def __init__(self) -> None:
        self.rest: list[Array] = []
        self.texture: list[Array] = []
        self.pulls: list[Pull] = []
        self.follow: list[float] = []
        self.triangles: list[tuple[int, int, int]] = []

    def vertex(self, rest: Array, texture: Array, pulls: Pull, follow: float = 1.0) -> int:
        """Add a vertex: where it lies at rest and in the picture; returns its number."""
        self.rest.append(rest)
        self.texture.append(texture)
        self.pulls.append(pulls)
        self.follow.append(follow)
        return len(self.rest) - 1

    def strip(self, first: list[int], second: list[int]) -> None:
        """Two triangles for every step along two rows of vertices."""
        for n in range(len(first) - 1):
            a, b, c, d = first[n], first[n + 1], second[n], second[n + 1]
            self.triangles += [(a, b, c), (b, d, c)]

    def layer(self, name: str, image: NDArray[np.uint8], area: Area) -> Layer:
        """What was collected, with its picture."""
        return make_layer(
            name,
            image,
            area,
            np.array(self.rest),
            self.pulls,
            self.triangles,
            np.array(self.texture),
            np.array(self.follow),
        )


def make_layer(
    name: str,
    image: NDArray[np.uint8],
    area: Area,
    rest: Array,
    pulls: list[Pull],
    triangles: list[tuple[int, int, int]],
    texture: Array | None = None,
    follow: Array | None = None,
) -> Layer:
    """A layer whose image shows `area`; `texture` says where, `rest` unless given."""
    index = np.zeros((len(rest), PULLS), np.int32)
    weight = np.zeros((len(rest), PULLS), np.float32)
    for n, pull in enumerate(pulls):
        for k, (landmark, share) in enumerate(pull):
            index[n, k], weight[n, k] = landmark, share
    places = rest if texture is None else texture
    uv = (places[:, :2] - [area.left, area.top]) / [
        area.right - area.left,
        area.bottom - area.top,
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
    name: str, image: NDArray[np.uint8], area: Area, spacing: float, grid: Grid
) -> Layer:
    """A layer on a regular grid over the whole area, cells of about `spacing` units."""
    columns = max(1, round((area.right - area.left) / spacing)) + 1
    rows = max(1, round((area.bottom - area.top) / spacing)) + 1
    across, down = np.meshgrid(
        np.linspace(area.left, area.right, columns, dtype=np.float32),
        np.linspace(area.top, area.bottom, rows, dtype=np.float32),
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
    return make_layer(name, image, area, rest, pulls, triangles, follow=follow)
