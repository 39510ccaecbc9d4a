"""The sizes of LivePortrait's networks."""

from __future__ import annotations

from typing import Final

from jamflow_rt.config import StrictModel

POINTS: Final = 21
"""Implicit keypoints of a face."""
IMAGE: Final = 256
"""Width and height of the pictures that the extractors read, in pixels."""
PICTURE: Final = 512
"""Width and height of the pictures that the generator draws, in pixels."""
GRID: Final = 64
"""Width and height of the feature volume."""


class Architecture(StrictModel):
    """The sizes; as they stand, those of the published weights (`src/config/models.yaml`)."""

    channels: int = 32
    """Channels of the feature volume."""
    depth: int = 16
    """Its layers from front to back."""
    appearance_width: int = 64
    """Channels of the appearance extractor at full resolution; they double with each halving."""
    appearance_blocks: int = 6
    motion_widths: tuple[int, int, int, int] = (96, 192, 384, 768)
    motion_blocks: tuple[int, int, int, int] = (3, 3, 9, 3)
    compressed: int = 4
    """Channels of the volume that is moved by every keypoint to estimate the motion."""
    flow_width: int = 32
    """Channels of the motion's hourglass at its open end; they double with each halving."""
    flow_levels: int = 5
    flow_most: int = 1024
    """Channels that no level of it exceeds."""
    warped_width: int = 256
    """Channels of the warped features that the generator reads."""
    shared_width: int = 128
    """Channels between those features and the scales and shifts of a SPADE norm."""
    generator_blocks: int = 6
    drawn_width: int = 64
    """Channels of the last layer before the picture."""


TINY: Final = Architecture(
    channels=3,
    depth=4,
    appearance_width=2,
    appearance_blocks=2,
    motion_widths=(4, 6, 8, 12),
    motion_blocks=(1, 1, 2, 1),
    compressed=2,
    flow_width=3,
    flow_levels=3,
    flow_most=10,
    warped_width=8,
    shared_width=4,
    generator_blocks=2,
    drawn_width=4,
)
"""For tests: every kind of layer, few channels."""
