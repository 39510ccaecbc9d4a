"""The mesh of the upper lashes and what moves it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.render.portrait import Layer
from jamflow_rt.render.rig import Mesh
from jamflow_rt.render.topology import Eye
from jamflow_rt.train.illustration.design import Design
from jamflow_rt.train.illustration.paint import Sheet

_LASHES = 0.75
"""Their length in units."""


def lash_layer(
    name: str, design: Design, image: NDArray[np.uint8], sheet: Sheet, eye: Eye
) -> Layer:
    """Upper lashes: rooted in the lid, their tips turn down as it closes."""
    mesh = Mesh()
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
