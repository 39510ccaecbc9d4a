"""What is measured on a mesh for the ARKit coefficients: where on the face, and between what.

All of it is middles of some landmarks, and lengths of ways from one landmark to another: of the
whole face first, then of its left half, then of its right. Left and right are the person's own.
"""

from __future__ import annotations

from typing import Final, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.face import N_LANDMARKS

Floats = NDArray[np.float32]


class Side(NamedTuple):
    """Landmarks of one half of the face."""

    name: str
    outward: int  # the sign of x away from the nose
    eye_corners: tuple[int, int]  # outer, inner
    upper_lid: tuple[int, ...]
    lower_lid: tuple[int, ...]
    iris: int
    brow_inner: tuple[int, ...]
    brow_outer: tuple[int, ...]
    mouth_corner: int
    upper_lip: tuple[int, int]  # outer edge, inner edge
    lower_lip: tuple[int, int]  # outer edge, inner edge
    cheek: int
    nose_wing: int


LEFT: Final = Side(
    name="Left",
    outward=1,
    eye_corners=(263, 362),
    upper_lid=(385, 386, 387),
    lower_lid=(380, 374, 373),
    iris=473,
    brow_inner=(285, 295),
    brow_outer=(300, 293),
    mouth_corner=291,
    upper_lip=(269, 311),
    lower_lip=(405, 402),
    cheek=425,
    nose_wing=358,
)
RIGHT: Final = Side(
    name="Right",
    outward=-1,
    eye_corners=(33, 133),
    upper_lid=(158, 159, 160),
    lower_lid=(153, 145, 144),
    iris=468,
    brow_inner=(55, 65),
    brow_outer=(70, 63),
    mouth_corner=61,
    upper_lip=(39, 81),
    lower_lip=(181, 178),
    cheek=205,
    nose_wing=129,
)

T = TypeVar("T")


class Whole(NamedTuple, Generic[T]):
    """Middles in the whole face."""

    chin: T
    inner_lip: T  # of the lower lip
    lips: T
    upper_lip: T
    lower_lip: T
    inner_brows: T


class Half(NamedTuple, Generic[T]):
    """Middles in one half of the face."""

    mouth_corner: T
    upper_lip: T
    lower_lip: T
    eye_corners: T
    iris: T
    lower_lid: T
    brow_inner: T
    brow_outer: T
    cheek: T


class WholeWays(NamedTuple, Generic[T]):
    """Ways in the whole face."""

    gap: T  # between the lips
    width: T  # of the mouth
    upper_lip: T  # its height
    lower_lip: T


class HalfWays(NamedTuple, Generic[T]):
    """Ways in one half of the face."""

    upper_lip: T
    lower_lip: T
    nose: T  # from its wing to the eye
    lid_a: T
    lid_b: T
    lid_c: T


Points = tuple[int, ...]

_MIDDLES: Final = Whole[Points](
    chin=(152, 148, 377),
    inner_lip=(14,),
    lips=(0, 13, 14, 17),
    upper_lip=(0,),
    lower_lip=(17,),
    inner_brows=(*LEFT.brow_inner, *RIGHT.brow_inner),
)
_WAYS: Final = WholeWays[Points](
    gap=(13, 14), width=(61, 291), upper_lip=(0, 13), lower_lip=(17, 14)
)


def _middles(side: Side) -> Half[Points]:
    return Half(
        mouth_corner=(side.mouth_corner,),
        upper_lip=side.upper_lip[:1],
        lower_lip=side.lower_lip[:1],
        eye_corners=side.eye_corners,
        iris=(side.iris,),
        lower_lid=side.lower_lid,
        brow_inner=side.brow_inner,
        brow_outer=side.brow_outer,
        cheek=(side.cheek,),
    )


def _ways(side: Side) -> HalfWays[Points]:
    lids = zip(side.upper_lid, side.lower_lid, strict=True)
    nose = (side.nose_wing, side.eye_corners[1])
    return HalfWays(side.upper_lip, side.lower_lip, nose, *lids)


MIDDLES: Final[tuple[Points, ...]] = (*_MIDDLES, *_middles(LEFT), *_middles(RIGHT))
WAYS: Final[tuple[Points, ...]] = (*_WAYS, *_ways(LEFT), *_ways(RIGHT))
USED: Final = np.unique(np.concatenate([*MIDDLES, *WAYS]))
"""Landmarks that are part of any, (U,)."""


def sums_of_used() -> Floats:
    """(M + W, U): middles and ways are sums of landmarks, so one product with this gives all."""
    middles = np.zeros((len(MIDDLES), N_LANDMARKS), np.float32)
    ways = np.zeros((len(WAYS), N_LANDMARKS), np.float32)
    for row, points in zip(middles, MIDDLES, strict=True):
        row[list(points)] = 1 / len(points)
    for row, ends in zip(ways, WAYS, strict=True):
        row[list(ends)] = 1, -1
    return np.concatenate([middles, ways])[:, USED]


def split_middles(rows: Floats) -> tuple[Whole[Floats], Half[Floats]]:
    """Rows (M, …) in the order of `MIDDLES`, by name; of the halves (2, …), the left one first."""
    whole, left, right = _split(rows, len(_MIDDLES))
    return Whole(*whole), Half(*np.stack([left, right], axis=1))


def split_ways(rows: Floats) -> tuple[WholeWays[Floats], HalfWays[Floats]]:
    """Rows (W, …) in the order of `WAYS`, as `split_middles` does."""
    whole, left, right = _split(rows, len(_WAYS))
    return WholeWays(*whole), HalfWays(*np.stack([left, right], axis=1))


def _split(rows: Floats, whole: int) -> tuple[Floats, Floats, Floats]:
    half = (len(rows) + whole) // 2
    return rows[:whole], rows[whole:half], rows[half:]
