"""3 × 3 convolutions with 36 multiplications for 16 pixels instead of 144.

F(4 × 4, 3 × 3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015): tiles
of 6 × 6 pixels and the kernel are transformed, multiplied point by point, and transformed back to
4 × 4 pixels. All three steps are matrix products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from jamflow_rt.render.liveportrait.cpu.workspace import Workspace

TILE = 4
"""Pixels of a tile's side that one product gives."""
_READ = TILE + 2
"""Pixels of a tile's side that it reads."""
_BAND_BYTES = 16 << 20
"""Size of the tiles in work, which should stay in the processor's cache."""

_PIXELS = torch.tensor(
    [
        [4.0, 0.0, -5.0, 0.0, 1.0, 0.0],
        [0.0, -4.0, -4.0, 1.0, 1.0, 0.0],
        [0.0, 4.0, -4.0, -1.0, 1.0, 0.0],
        [0.0, -2.0, -1.0, 2.0, 1.0, 0.0],
        [0.0, 2.0, -1.0, -2.0, 1.0, 0.0],
        [0.0, 4.0, 0.0, -5.0, 0.0, 1.0],
    ]
)
_KERNEL = torch.tensor(
    [
        [1 / 4, 0.0, 0.0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0.0, 0.0, 1.0],
    ],
    dtype=torch.float64,
)
_BACK = torch.tensor(
    [
        [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
        [0.0, 1.0, -1.0, 2.0, -2.0, 0.0],
        [0.0, 1.0, 1.0, 4.0, 4.0, 0.0],
        [0.0, 1.0, -1.0, 8.0, -8.0, 1.0],
    ]
)
_TO_POINTS, _TO_TILES = torch.kron(_PIXELS, _PIXELS), torch.kron(_BACK, _BACK)
_EVERYWHERE = 7
"""The point that goes with the same weight into every pixel of a tile."""


@dataclass(frozen=True, slots=True)
class Band:
    """Some rows of tiles of a convolved image."""

    tiles: Tensor
    """(4, 4, D, rows, columns, C): pixel in the tile, then tile. Valid until the next band."""
    first: int
    """The first row of tiles."""

    def of(self, image: Tensor) -> Tensor:
        """The same pixels of an image (D, H, W, C), in the same order; a view."""
        return self._split(image, TILE)

    def enlarged(self, image: Tensor, times: int) -> Tensor:
        """Pixels of an image that is to be so many times as large, beside which `enlargements` fit.

        Returns:
            (4 / times, 1, 4 / times, 1, D, rows, columns, C), a view.
        """
        return self._split(image, TILE // times)[:, None, :, None]

    def halved(self, image: Tensor) -> Tensor:
        """The same place (2, 2, D, rows, columns, C) in an image of half the size; a view."""
        return self._split(image, TILE // 2)

    def _split(self, image: Tensor, size: int) -> Tensor:
        rows, columns = self.tiles.shape[3:5]
        band = image[:, size * self.first : size * (self.first + rows)]
        pixels = torch.unflatten(torch.unflatten(band, 1, (rows, size)), 3, (columns, size))
        return pixels.permute(2, 4, 0, 1, 3, 5)


def enlargements(tiles: Tensor, times: int) -> Tensor:
    """Tiles (4, 4, …) by the pixel that they enlarge: (4 / times, times, 4 / times, times, …)."""
    return torch.unflatten(torch.unflatten(tiles, 0, (-1, times)), 2, (-1, times))


class Winograd:
    """A convolution with a kernel of 3 × 3, or of 3 × 3 × 3 whose depth is summed up directly.

    Args:
        weight: (O, C, 3, 3) or (O, C, 3, 3, 3).
        bias: (O,)
        workspace: for what is in work.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, workspace: Workspace) -> None:
        if weight.ndim == 4:
            weight = weight[:, :, None]
        points = torch.einsum("ai,bj,oczij->zabco", _KERNEL, _KERNEL, weight.double())
        self._points = points.flatten(1, 2).float().contiguous()
        self._bias = bias
        self._workspace = workspace

    def bands(self, framed: Tensor) -> Iterator[Band]:
        """Convolve an image (D, H + 2, W + 2, C) that has a frame of zeros, band by band."""
        taps, points, inputs, outputs = self._points.shape
        depth, height, width = framed.shape[0], framed.shape[1] - 2, framed.shape[2] - 2
        columns = width // TILE
        row_bytes = 4 * points * depth * columns * max(inputs, outputs)
        rows = min(max(_BAND_BYTES // row_bytes, 1), height // TILE)
        for first in range(0, height // TILE, rows):
            count = min(rows, height // TILE - first)
            tiles = depth * count * columns
            read = self._workspace.take("read", points, tiles * inputs)
            read.view(_READ, _READ, depth, count, columns, inputs).copy_(
                _overlapping(framed, first, count, columns)
            )
            transformed = self._workspace.take("transformed", points, tiles, inputs)
            torch.mm(_TO_POINTS, read, out=transformed.view(points, -1))
            products = self._workspace.take("products", points, tiles, outputs)
            self._multiply(transformed, products, depth)
            back = self._workspace.take("back", TILE * TILE, tiles * outputs)
            torch.mm(_TO_TILES, products.view(points, -1), out=back)
            yield Band(back.view(TILE, TILE, depth, count, columns, outputs), first)

    def _multiply(self, transformed: Tensor, products: Tensor, depth: int) -> None:
        taps = len(self._points)
        torch.bmm(transformed, self._points[taps // 2], out=products)
        if taps == 3:
            layer = products.shape[1] // depth
            products[:, layer:].baddbmm_(transformed[:, :-layer], self._points[0])
            products[:, :-layer].baddbmm_(transformed[:, layer:], self._points[2])
        if self._bias is not None:
            products[_EVERYWHERE].add_(self._bias)


def _overlapping(framed: Tensor, first: int, rows: int, columns: int) -> Tensor:
    """Tiles of 6 × 6 pixels, 4 apart: (6, 6, D, rows, columns, C), a view."""
    layer, row, pixel, channel = framed.stride()
    return framed.as_strided(
        (_READ, _READ, len(framed), rows, columns, framed.shape[-1]),
        (row, pixel, layer, TILE * row, TILE * pixel, channel),
        framed.storage_offset() + TILE * first * row,
    )
