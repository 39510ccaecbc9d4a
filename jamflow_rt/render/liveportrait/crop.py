"""The square that LivePortrait looks at: cut out of a picture, and put back into it.

As upstream cuts: turned upright by the line from the eyes to the mouth, 2.3 times as large as the
landmarks' box, and an eighth of that higher up (facts: LivePortrait's crop config).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Floats = NDArray[np.float32]

INPUT: Final = 256
"""Pixels of what the networks look at."""
_LARGER: Final = 2.3
_HIGHER: Final = -0.125
_EYES: Final = (33, 133, 362, 263)
_LIPS: Final = (61, 291, 13, 14)
_FEATHER: Final = 0.12
"""Share of the square over which it fades into the picture."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A square in a picture, in its pixels."""

    centre: Floats
    """(2,) x and y."""
    side: float
    angle: float
    """Radians, clockwise."""

    @classmethod
    def around(cls, landmarks: Floats) -> Crop:
        """Around a face.

        Args:
            landmarks: (478, 2 or 3) or, for a face that moves, (T, 478, 2 or 3), in pixels.
        """
        points = landmarks[..., :2].reshape(-1, *landmarks.shape[-2:-1], 2).astype(np.float64)
        eyes, lips = points[:, _EYES].mean((0, 1)), points[:, _LIPS].mean((0, 1))
        down = (lips - eyes) / np.linalg.norm(lips - eyes)
        right = np.array([down[1], -down[0]])
        along = np.stack([right, down])
        upright = points.reshape(-1, 2) @ along.T
        low, high = upright.min(0), upright.max(0)
        side = float((high - low).max()) * _LARGER
        middle = (low + high) / 2 + np.array([0, _HIGHER * side])
        angle = float(np.arctan2(right[1], right[0]))
        return cls((middle @ along).astype(np.float32), side, angle)

    def cut(self, picture: NDArray[np.uint8], size: int = INPUT) -> Tensor:
        """(3, size, size), RGB 0…1, of a picture (H, W, 3); black beyond its edge."""
        pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()
        height, width = picture.shape[:2]
        # Where each pixel of the square lies in the picture, in −1…1.
        turn = self._turn() * self.side / 2
        extent = np.array([width, height]) / 2
        theta = np.concatenate(
            [turn / extent[:, None], ((self.centre - extent) / extent)[:, None]], axis=1
        )
        scale = self.side / size
        if scale > 1:
            # Otherwise pixels would be passed over.
            pixels = functional.interpolate(
                pixels, scale_factor=1 / scale, mode="bilinear", antialias=True
            )
        return _sampled(pixels, theta, size)[0].clamp(0, 255) / 255

    def back(self, size: int) -> Floats:
        """(2, 3) where each pixel of a picture of `size` lies in the square, all in −1…1."""
        inverse = self._turn().T * (size / self.side)
        offset = inverse @ ((size / 2 - self.centre) * (2 / size))
        return np.concatenate([inverse, offset[:, None]], axis=1).astype(np.float32)

    def scaled(self, factor: float, shift: Floats) -> Crop:
        """The same square in a picture that was moved by `shift` and then scaled."""
        return Crop(
            ((self.centre + shift) * factor).astype(np.float32), self.side * factor, self.angle
        )

    def _turn(self) -> NDArray[np.float64]:
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]])


class PasteBack:
    """Puts what was drawn of a square back into the picture it was cut from.

    Args:
        crop: the square, in a picture of `size`.
        size: of the picture.
        device: where.
    """

    def __init__(self, crop: Crop, size: int, device: torch.device) -> None:
        theta = torch.from_numpy(crop.back(size)).to(device)[None]
        self._grid = functional.affine_grid(theta, [1, 1, size, size], align_corners=False)
        self.mask = functional.grid_sample(
            _soft_square(device)[None, None], self._grid, align_corners=False
        )
        """(1, 1, size, size) share of the drawn square in each pixel."""

    def __call__(self, drawn: Tensor, picture: Tensor) -> Tensor:
        """The picture (1, 3, size, size) with `drawn` (1, 3, 512, 512) in it."""
        placed = functional.grid_sample(
            drawn, self._grid, padding_mode="border", align_corners=False
        )
        return torch.lerp(picture, placed, self.mask)


def _soft_square(device: torch.device, size: int = 256) -> Tensor:
    """(size, size) 1 inside, falling smoothly to 0 at the edge."""
    places = (torch.arange(size, device=device) + 0.5) / size
    edge = (torch.minimum(places, 1 - places) / _FEATHER).clamp(0, 1)
    rise = edge * edge * (3 - 2 * edge)
    return rise[:, None] * rise[None]


def _sampled(pixels: Tensor, theta: NDArray[np.float64], size: int) -> Tensor:
    grid = functional.affine_grid(
        torch.from_numpy(theta.astype(np.float32))[None], [1, 3, size, size], align_corners=False
    )
    return functional.grid_sample(pixels, grid, align_corners=False)
