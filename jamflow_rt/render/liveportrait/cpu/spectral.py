"""Convolutions with large kernels, as products of spectra.

A kernel of 7 × 7 costs 49 multiplications a pixel; in tiles whose 2-D Fourier transforms are
multiplied it costs about 4 (overlap-save). The kernel's depth is summed up directly.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jamflow_rt.render.liveportrait.cpu.workspace import Workspace

_TILE = 40
"""Side of the tiles that are transformed: larger than 32 + 6, and quick to transform."""
_STEP = 32
"""Pixels of a tile's side that come out right for kernels up to 9 × 9."""
_BINS = _TILE * (_TILE // 2 + 1)


class SpectralConvolution:
    """A convolution that keeps the size of a volume.

    Args:
        weight: (O, C, K, K, K); K is odd and at most 9.
        bias: (O,)
        workspace: for what is in work.
    """

    def __init__(self, weight: Tensor, bias: Tensor, workspace: Workspace) -> None:
        self._outputs, self._inputs, self._kernel = weight.shape[:3]
        spectra = torch.fft.rfft2(weight.double(), s=(_TILE, _TILE)).conj()
        by_bin = spectra.permute(3, 4, 1, 2, 0).reshape(_BINS, self._inputs, -1)
        self._spectra = by_bin.to(torch.complex64).contiguous()
        self._bias = bias
        self._workspace = workspace

    def __call__(self, volume: Tensor) -> Tensor:
        """Convolve a volume (D, H, W, C) → (D, H, W, O)."""
        depth, height, width = volume.shape[:3]
        down, across = -(-height // _STEP), -(-width // _STEP)
        spectra = torch.fft.rfft2(self._tiles(volume, down, across))
        rows = depth * down * across
        by_bin = spectra.view(-1, _BINS).T.reshape(_BINS, self._inputs, rows)
        products = torch.bmm(by_bin.mT.contiguous(), self._spectra)
        layers = products.view(_BINS, depth, down * across, self._kernel, self._outputs)
        summed = self._summed_over_depth(layers)
        tiles = torch.fft.irfft2(
            summed.view(_TILE, -1, depth, down, across, self._outputs), s=(_TILE, _TILE), dim=(0, 1)
        )
        image = tiles[:_STEP, :_STEP].permute(2, 3, 0, 4, 1, 5)
        image = image.reshape(depth, down * _STEP, across * _STEP, self._outputs)
        same: Tensor = image[:, :height, :width] + self._bias
        return same

    def _tiles(self, volume: Tensor, down: int, across: int) -> Tensor:
        """Overlapping tiles (C, D, rows, columns, n, n), with zeros around the volume."""
        depth, height, width, channels = volume.shape
        margin, overlap = self._kernel // 2, _TILE - _STEP
        padded = self._workspace.take(
            "padded", channels, depth, down * _STEP + overlap, across * _STEP + overlap
        ).zero_()
        inner = padded[:, :, margin : margin + height, margin : margin + width]
        inner.copy_(volume.permute(3, 0, 1, 2))
        return padded.unfold(2, _TILE, _STEP).unfold(3, _TILE, _STEP)

    def _summed_over_depth(self, layers: Tensor) -> Tensor:
        """Each layer's product with each depth of the kernel, summed where they meet."""
        depth, middle = layers.shape[1], self._kernel // 2
        summed = layers[:, :, :, middle].clone()
        for offset in range(1, min(middle + 1, depth)):
            summed[:, :-offset] += layers[:, offset:, :, middle + offset]
            summed[:, offset:] += layers[:, :-offset, :, middle - offset]
        return summed
