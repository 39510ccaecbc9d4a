"""LivePortrait's warping network W: the volume of features, moved from the source's keypoints."""

from __future__ import annotations

from typing import Final, NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.render.liveportrait.architecture import Architecture
from jamflow_rt.render.liveportrait.dense_motion import DenseMotion

SLOPE: Final = 0.01
"""Of the leaky ReLU."""


class Warped(NamedTuple):
    """What the generator draws from."""

    features: Tensor
    """(B, 256, 64, 64), weaker where the source does not show what is seen now."""
    occlusion: Tensor
    """(B, 1, 64, 64) 0…1: 1 where the source shows it."""


class _ConvBlock(nn.Module):
    """A convolution, with the norm that follows it folded in, and leaky ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(self.conv(x), SLOPE)


class WarpingNetwork(nn.Module):
    """f_s (B, 32, 16, 64, 64) and keypoints (B, 21, 3) → `Warped`."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.warped_width
        self.dense_motion = DenseMotion(architecture)
        self.third = _ConvBlock(architecture.channels * architecture.depth, width)
        self.fourth = nn.Conv2d(width, width, 1)

    def forward(self, f_s: Tensor, x_s: Tensor, x_d: Tensor) -> Warped:
        """Move the source's volume.

        Args:
            f_s: (B, 32, 16, 64, 64) of the appearance extractor.
            x_s: (B, 21, 3) the source's keypoints.
            x_d: (B, 21, 3) where they are to be.
        """
        motion = self.dense_motion(f_s, x_s, x_d)
        moved = functional.grid_sample(f_s, motion.positions, align_corners=False)
        features = self.fourth(self.third(moved.flatten(1, 2)))
        return Warped(features * motion.occlusion, motion.occlusion)
