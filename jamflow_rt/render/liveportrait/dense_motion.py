"""Where each voxel of the picture comes from in the source: a mixture of the keypoints' shifts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.render.liveportrait.architecture import POINTS, Architecture

_VARIANCE = 0.01
"""Of the bell that stands for a keypoint in the hourglass's input."""
_BIG = 7
"""Kernel of the convolutions that read the hourglass's output."""


class Motion(NamedTuple):
    """Of every voxel."""

    positions: Tensor
    """(B, 16, 64, 64, 3): x, y, z, −1…1, in the source's volume."""
    occlusion: Tensor
    """(B, 1, 64, 64)."""


class _ConvBlock(nn.Module):
    """A convolution, with the norm that follows it folded in, and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.conv(x))


class _Encoder(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.down_blocks = nn.ModuleList(
            _ConvBlock(inputs, outputs) for inputs, outputs in zip(widths, widths[1:], strict=False)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = [x]
        for block in self.down_blocks:
            levels.append(functional.avg_pool3d(block(levels[-1]), (1, 2, 2)))
        return levels


class _Decoder(nn.Module):
    def __init__(self, widths: list[int], last: int) -> None:
        super().__init__()
        blocks = []
        inputs = widths[-1]
        for skip, outputs in zip(widths[-2::-1], [*widths[-2:0:-1], last], strict=True):
            blocks.append(_ConvBlock(inputs, outputs))
            inputs = outputs + skip
        self.up_blocks = nn.ModuleList(blocks)
        self.conv = nn.Conv3d(inputs, inputs, 3, padding=1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        x = levels[-1]
        for block, skip in zip(self.up_blocks, levels[-2::-1], strict=True):
            x = torch.cat([block(functional.interpolate(x, scale_factor=(1, 2, 2))), skip], dim=1)
        return functional.relu(self.conv(x))


class _Hourglass(nn.Module):
    def __init__(self, inputs: int, architecture: Architecture) -> None:
        super().__init__()
        widths = [inputs] + [
            min(architecture.flow_most, architecture.flow_width << level)
            for level in range(1, architecture.flow_levels + 1)
        ]
        self.encoder = _Encoder(widths)
        self.decoder = _Decoder(widths, architecture.flow_width)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))  # type: ignore[no-any-return]


class DenseMotion(nn.Module):
    """f_s (B, 32, 16, 64, 64) and keypoints (B, 21, 3) → `Motion`."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        inputs = (POINTS + 1) * (architecture.compressed + 1)
        width = architecture.flow_width + inputs
        self.compress = nn.Conv3d(architecture.channels, architecture.compressed, 1)
        self.hourglass = _Hourglass(inputs, architecture)
        self.mask = nn.Conv3d(width, POINTS + 1, _BIG, padding=_BIG // 2)
        self.occlusion = nn.Conv2d(width * architecture.depth, 1, _BIG, padding=_BIG // 2)

    def forward(self, f_s: Tensor, x_s: Tensor, x_d: Tensor) -> Motion:
        volume = functional.relu(self.compress(f_s))
        shape = volume.shape[2:]
        # All that a keypoint says is by how much the volume moves; the background does not.
        shifts = functional.pad(x_s - x_d, (0, 0, 1, 0))
        bells = functional.pad(_bells(x_d, shape) - _bells(x_s, shape), (0, 0) * 3 + (1, 0))
        y = self.hourglass(torch.cat([bells[:, :, None], _moved(volume, shifts)], 2).flatten(1, 2))
        mask = self.mask(y).softmax(1)
        z_lines, y_lines, x_lines = (_line(n, f_s) for n in shape)
        grid = torch.stack(torch.meshgrid(z_lines, y_lines, x_lines, indexing="ij")[::-1], dim=-1)
        positions = grid + torch.einsum("bkzyx,bka->bzyxa", mask, shifts)
        return Motion(positions, self.occlusion(y.flatten(1, 2)).sigmoid())


def _line(count: int, like: Tensor) -> Tensor:
    """Where voxels stand on an axis: −1…1, ends included."""
    return torch.linspace(-1, 1, count, dtype=like.dtype, device=like.device)


def _bells(points: Tensor, shape: torch.Size) -> Tensor:
    """A bell around each keypoint (B, K, 3) of x, y, z: (B, K, D, H, W)."""
    x, y, z = (
        torch.exp((_line(n, points) - points[:, :, axis, None]).square() / (-2 * _VARIANCE))
        for axis, n in enumerate(reversed(shape))
    )
    return torch.einsum("bkz,bky,bkx->bkzyx", z, y, x)


def _moved(volume: Tensor, shifts: Tensor) -> Tensor:
    """The volume (B, C, D, H, W), read at every voxel plus each shift: (B, K, C, D, H, W).

    A shift is the same for all voxels, so the interpolation is a product of one matrix an axis.
    """
    x, y, z = (
        _interpolation(n, shifts[:, :, axis]) for axis, n in enumerate(reversed(volume.shape[2:]))
    )
    moved = torch.einsum("bcdhw,bkxw->bkcdhx", volume, x)
    moved = torch.einsum("bkcdhx,bkyh->bkcdyx", moved, y)
    return torch.einsum("bkcdyx,bkzd->bkczyx", moved, z)


def _interpolation(count: int, shifts: Tensor) -> Tensor:
    """Weights (B, K, n, n) of the voxels of a line read where it is shifted; outside is zero.

    Voxels stand on −1…1 with the ends included, but are read as if each were the middle of an nth
    of that line: upstream mixes the two, and the weights were trained so.
    """
    places = ((_line(count, shifts) + shifts[..., None] + 1) * count - 1) / 2
    steps = torch.arange(count, dtype=shifts.dtype, device=shifts.device)
    return (1 - (places[..., None] - steps).abs()).clamp(min=0)
