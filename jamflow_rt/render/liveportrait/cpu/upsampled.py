"""Convolutions of images whose pixels were doubled or quadrupled, done on the small image."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from jamflow_rt.render.liveportrait.cpu.workspace import Workspace

_BAND_BYTES = 16 << 20


class UpsampledConvolution:
    """Nearest upsampling, a 3 × 3 (× 3) convolution and ReLU in one.

    Of the pixels that become of one, the first sees its left neighbour once and itself twice, the
    last itself twice and its right neighbour once, those between only itself. With the sum W of a
    kernel (a, b, c) that is W · x + a · (left − x), W · x + c · (right − x) and W · x: three
    products an axis, whatever the enlargement.

    Args:
        weight: (O, C, 3, 3) or (O, C, 3, 3, 3), whose depth is not enlarged.
        bias: (O,)
        workspace: for what is in work.
    """

    def __init__(self, weight: Tensor, bias: Tensor, workspace: Workspace) -> None:
        if weight.ndim == 4:
            weight = weight[:, :, None]
        for axis in (3, 4):
            first, _, last = weight.unbind(axis)
            weight = torch.stack([first, weight.sum(axis), last], axis)
        self._kernels = weight.permute(2, 3, 4, 1, 0).flatten(1, 2).contiguous()
        self._bias = bias
        self._workspace = workspace

    def into(self, out: Tensor, framed: Tensor) -> None:
        """Write the enlarged, convolved image.

        Args:
            out: (D, n · H, n · W, O) gets it; may be a part of something larger.
            framed: (D, H + 2, W + 2, C) the small image, with a frame of zeros.
        """
        times = out.shape[1] // (framed.shape[1] - 2)
        for first, phases in self._bands(framed):
            rows = slice(times * first, times * (first + phases.shape[3]))
            pixels = torch.unflatten(out[:, rows], 1, (-1, times))
            pixels = torch.unflatten(pixels, 3, (-1, times))
            for i in range(times):
                for j in range(times):
                    pixels[:, :, i, :, j] = phases[_phase(i, times), _phase(j, times)]

    def _bands(self, framed: Tensor) -> Iterator[tuple[int, Tensor]]:
        """(first row, (3, 3, D, rows, W, O)): first, middle and last of a pixel's enlargements."""
        depth, height, width = framed.shape[0], framed.shape[1] - 2, framed.shape[2] - 2
        inputs, outputs = self._kernels.shape[2:]
        rows = max(_BAND_BYTES // (4 * 9 * depth * width * max(inputs, outputs)), 1)
        for first in range(0, height, rows):
            count = min(rows, height - first)
            read = self._workspace.take("read", 3, 3, depth, count, width, inputs)
            band = framed[:, first : first + count + 2]
            for i in range(3):
                for j in range(3):
                    read[i, j] = band[:, i : i + count, j : j + width]
            read[0::2] -= read[1]
            read[:, 0::2] -= read[:, 1:2]
            products = self._workspace.take("products", 3, 3, depth, count, width, outputs)
            self._multiply(read.view(9, -1, inputs), products.view(9, -1, outputs), depth)
            products[1, 1] += self._bias
            products[0::2] += products[1]
            products[:, 0::2] += products[:, 1:2]
            yield first, products.relu_()

    def _multiply(self, read: Tensor, products: Tensor, depth: int) -> None:
        taps = len(self._kernels)
        torch.bmm(read, self._kernels[taps // 2], out=products)
        if taps == 3:
            layer = products.shape[1] // depth
            products[:, layer:].baddbmm_(read[:, :-layer], self._kernels[0])
            products[:, :-layer].baddbmm_(read[:, layer:], self._kernels[2])


def _phase(pixel: int, times: int) -> int:
    """Which of a pixel's three products an enlargement is: the first, one between, or the last."""
    return 0 if pixel == 0 else 2 if pixel == times - 1 else 1
