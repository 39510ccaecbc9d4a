"""The sign that a picture was made by a machine: a small "AI" in its corner."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from jamflow_rt.codec.face import FaceState
from jamflow_rt.render.renderer import Renderer

HEIGHT: Final = 0.05
"""Of the badge, as a share of the picture's height."""
LEAST_HEIGHT: Final = 15
"""Pixels below which the letters cannot be read."""
MARGIN: Final = 0.4
"""Between the badge and the picture's edges, as a share of the badge's height."""

_WIDTH: Final = 1.7
_CORNER: Final = 0.28
# Opacity of the plate and of the letters, and their grey.
_PLATE, _LETTERS = (0.6, 16), (0.92, 255)
_FINE: Final = 8
"""Drawn so many times larger, then made small: smooth edges."""

# Letters in a square of 1 by 1 from the badge's middle, by polygons: no font is needed.
_TOP, _FOOT, _STEM = -0.27, 0.27, 0.11
_A_OUTER: Final = [(-0.46, _FOOT), (-0.22, _TOP), (-0.09, _TOP), (0.15, _FOOT)]
_A_WITHOUT: Final = [
    [(-0.335, _FOOT), (-0.29, 0.16), (-0.02, 0.16), (0.025, _FOOT)],
    [(-0.252, 0.065), (-0.155, -0.17), (-0.058, 0.065)],
]
_I: Final = [(0.27, _TOP), (0.27 + _STEM, _TOP), (0.27 + _STEM, _FOOT), (0.27, _FOOT)]


class Badge:
    """The badge for pictures of one size; `draw` is cheap.

    Args:
        width: of the pictures in pixels.
        height: of the pictures in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        tall = min(max(LEAST_HEIGHT, round(HEIGHT * height)), height)
        wide = min(round(_WIDTH * tall), width)
        margin = round(MARGIN * tall)
        right, bottom = max(wide, width - margin), max(tall, height - margin)
        self._where = np.s_[bottom - tall : bottom, right - wide : right]
        plate, letters = _shapes(tall, wide)
        # Letters over the plate over the picture, as one opacity and one addition:
        # picture · kept / 256 + added.
        opacity, grey = _over(plate * _PLATE[0], _PLATE[1], letters * _LETTERS[0], _LETTERS[1])
        self._kept = np.round(256 * (1 - opacity)).astype(np.uint16)[..., None]
        self._added = np.round(256 * opacity * grey).astype(np.uint16)[..., None]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Where it lies: left, top, right, bottom in pixels."""
        rows, columns = self._where
        return columns.start, rows.start, columns.stop, rows.stop

    def draw(self, picture: NDArray[np.uint8]) -> None:
        """Draw it into a picture (H, W, 3) of its size."""
        part = picture[self._where]
        part[...] = (part * self._kept + self._added) >> 8


class BadgedRenderer:
    """A renderer whose pictures carry the badge.

    Args:
        renderer: draws the pictures.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._badge = badge_for(renderer.size, renderer.size)

    @property
    def size(self) -> int:
        """Width and height of the pictures in pixels."""
        return self._renderer.size

    def render(self, face: FaceState) -> NDArray[np.uint8]:
        """The picture of a face: (size, size, 3) RGB, owned by the caller."""
        picture = self._renderer.render(face)
        self._badge.draw(picture)
        return picture


@lru_cache(maxsize=16)
def badge_for(width: int, height: int) -> Badge:
    """The badge for pictures of a size; it is prepared once."""
    return Badge(width, height)


def _shapes(tall: int, wide: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(tall, wide) each: how much of a pixel lies in the plate, and in the letters."""
    size = wide * _FINE, tall * _FINE
    unit = tall * _FINE
    plate, letters = Image.new("L", size), Image.new("L", size)
    pen = ImageDraw.Draw(plate)
    pen.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), _CORNER * unit, fill=255)
    pen = ImageDraw.Draw(letters)
    pen.polygon(_placed(_A_OUTER, size, unit), fill=255)
    for shape in _A_WITHOUT:
        pen.polygon(_placed(shape, size, unit), fill=0)
    pen.polygon(_placed(_I, size, unit), fill=255)
    small = (image.resize((wide, tall), Image.Resampling.BOX) for image in (plate, letters))
    first, second = (np.asarray(image, np.float64) / 255 for image in small)
    return first, second


def _placed(
    shape: list[tuple[float, float]], size: tuple[int, int], unit: int
) -> list[tuple[float, float]]:
    return [(size[0] / 2 + x * unit, size[1] / 2 + y * unit) for x, y in shape]


def _over(
    below: NDArray[np.float64], grey_below: float, above: NDArray[np.float64], grey_above: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One coloured veil over another, as a single one: opacity and grey."""
    opacity = above + below * (1 - above)
    both = above * grey_above + below * (1 - above) * grey_below
    return opacity, np.divide(both, opacity, out=np.zeros_like(both), where=opacity > 0)
