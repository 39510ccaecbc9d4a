"""Which landmark is what: loops and pairs of MediaPipe's 478-point face mesh.

Left and right are the picture's. Arcs run from left to right unless said otherwise.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class Lips(NamedTuple):
    """One lip as four arcs of 11 landmarks from the outer edge (0) to the inner edge (3)."""

    rings: Indices  # (4, 11)

    @property
    def outer(self) -> Indices:
        """(11,) the edge between lip and skin."""
        outer: Indices = self.rings[0]
        return outer

    @property
    def inner(self) -> Indices:
        """(11,) the edge that meets the other lip."""
        inner: Indices = self.rings[3]
        return inner


class Eye(NamedTuple):
    """One eye: nine landmarks on each lid from outer to inner corner, and the iris."""

    upper: Indices  # (9,)
    lower: Indices  # (9,)
    iris: int
    """Centre of the iris; the next four landmarks lie on its rim."""


def _freeze(rows: list[list[int]]) -> Indices:
    array = np.array(rows, np.int64)
    array.setflags(write=False)
    return array


UPPER_LIP: Final = Lips(
    _freeze(
        [
            [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291],
            [76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306],
            [62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292],
            [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
        ]
    )
)
LOWER_LIP: Final = Lips(
    _freeze(
        [
            [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
            [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306],
            [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292],
            [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
        ]
    )
)

_LIDS: Final = _freeze(
    [
        [33, 246, 161, 160, 159, 158, 157, 173, 133],
        [33, 7, 163, 144, 145, 153, 154, 155, 133],
        [263, 466, 388, 387, 386, 385, 384, 398, 362],
        [263, 249, 390, 373, 374, 380, 381, 382, 362],
    ]
)
EYES: Final = (Eye(_LIDS[0], _LIDS[1], 468), Eye(_LIDS[2], _LIDS[3], 473))

OVAL: Final = _freeze(
    [
        [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377]
        + [152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]
    ]
)[0]
"""The outline of the face, clockwise in the picture from the top of the forehead."""

JAW: Final = (152, 148, 377, 199)
"""Chin landmarks that move with the lower jaw."""


def without_holes(triangles: NDArray[np.int32]) -> NDArray[np.int32]:
    """Remove the triangles (M, 3) that close the mouth and the eyes."""
    loops = [np.concatenate([UPPER_LIP.inner, LOWER_LIP.inner])]
    loops += [np.concatenate([eye.upper, eye.lower]) for eye in EYES]
    inside = np.zeros(len(triangles), bool)
    for loop in loops:
        inside |= np.isin(triangles, loop).all(1)
    return triangles[~inside]
