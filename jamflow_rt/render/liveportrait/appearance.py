"""LivePortrait's appearance extractor F: a photo becomes a volume of features."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.render.liveportrait.architecture import Architecture

_HALVINGS = 2


class _ConvBlock(nn.Module):
    """A convolution, with the norm that follows it folded in, and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.conv(x))


class _VolumeBlock(nn.Module):
    """A residual block of the volume (B, C, D, H, W). The second norm is folded into `conv1`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm3d(width)
        self.conv1 = nn.Conv3d(width, width, 3, padding=1)
        self.conv2 = nn.Conv3d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.conv1(functional.relu(self.norm1(x))))
        return x + self.conv2(y)  # type: ignore[no-any-return]


class AppearanceExtractor(nn.Module):
    """A face (B, 3, 256, 256), RGB 0…1 → f_s (B, 32, 16, 64, 64)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.depth = architecture.depth
        widths = [architecture.appearance_width << level for level in range(_HALVINGS + 1)]
        self.first = _ConvBlock(3, widths[0])
        self.down_blocks = nn.ModuleList(
            _ConvBlock(narrow, wide) for narrow, wide in zip(widths, widths[1:], strict=False)
        )
        self.second = nn.Conv2d(widths[-1], architecture.channels * self.depth, 1)
        self.volume_blocks = nn.ModuleList(
            _VolumeBlock(architecture.channels) for _ in range(architecture.appearance_blocks)
        )

    def forward(self, image: Tensor) -> Tensor:
        x = self.first(image)
        for block in self.down_blocks:
            x = functional.avg_pool2d(block(x), 2)
        volume: Tensor = self.second(x).unflatten(1, (-1, self.depth))
        for block in self.volume_blocks:
            volume = block(volume)
        return volume
