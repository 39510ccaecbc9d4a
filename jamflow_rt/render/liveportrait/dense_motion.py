"""The network that estimates where each voxel comes from: an hourglass on the keypoints' advice."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.render.liveportrait.architecture import POINTS, Architecture
from jamflow_rt.render.liveportrait.flow import mixed, suggested

_KERNEL = 7
"""Of the convolutions that read the hourglass's output."""


class Motion(NamedTuple):
    """Of every voxel."""

    positions: Tensor
    """(B, 16, 64, 64, 3): x, y, z, −1…1, in the source's volume."""
    occlusion: Tensor
    """(B, 1, 64, 64)."""


class FlowBlock(nn.Module):
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
            FlowBlock(inputs, outputs) for inputs, outputs in zip(widths, widths[1:], strict=False)
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
            blocks.append(FlowBlock(inputs, outputs))
            inputs = outputs + skip
        self.up_blocks = nn.ModuleList(blocks)
        self.conv = nn.Conv3d(inputs, inputs, 3, padding=1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        x = levels[-1]
        for block, skip in zip(self.up_blocks, levels[-2::-1], strict=True):
            x = torch.cat([block(functional.interpolate(x, scale_factor=(1, 2, 2))), skip], dim=1)
        return functional.relu(self.conv(x))


class Hourglass(nn.Module):
    """What the keypoints suggest (B, 110, 16, 64, 64) → (B, 142, 16, 64, 64)."""

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
        self.hourglass = Hourglass(inputs, architecture)
        self.mask = nn.Conv3d(width, POINTS + 1, _KERNEL, padding=_KERNEL // 2)
        self.occlusion = nn.Conv2d(width * architecture.depth, 1, _KERNEL, padding=_KERNEL // 2)

    def forward(self, f_s: Tensor, x_s: Tensor, x_d: Tensor) -> Motion:
        """Estimate the motion.

        Args:
            f_s: (B, 32, 16, 64, 64) of the appearance extractor.
            x_s: (B, 21, 3) the source's keypoints.
            x_d: (B, 21, 3) where they are to be.
        """
        y = self.hourglass(suggested(functional.relu(self.compress(f_s)), x_s, x_d))
        weights = self.mask(y).softmax(1)
        occlusion = self.occlusion(y.flatten(1, 2)).sigmoid()
        return Motion(mixed(weights, x_s, x_d), occlusion)
