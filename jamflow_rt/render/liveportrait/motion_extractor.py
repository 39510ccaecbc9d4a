"""LivePortrait's motion extractor M: a ConvNeXt V2 that reads keypoints, pose and expression.

ConvNeXt V2 is Woo et al. 2023 (arXiv 2301.00808); names of parameters follow the published file.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.render.liveportrait.architecture import POINTS, Architecture
from jamflow_rt.render.liveportrait.keypoints import BINS, KeypointMotion, degrees

__all__ = ["KeypointMotion", "MotionExtractor"]

_EPS = 1e-6


class _ResponseNorm(nn.Module):
    """GRN over the pixels of (B, H, W, C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, width))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        energy = x.flatten(1, 2).norm(dim=1)[:, None, None]
        gain = 1 + self.gamma * energy / (energy.mean(-1, keepdim=True) + _EPS)
        return torch.addcmul(self.beta, x, gain)


class _Block(nn.Module):
    """A 7 × 7 convolution of each channel, then an MLP at each pixel (B, H, W, C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=_EPS)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.grn = _ResponseNorm(4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dwconv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        y = self.grn(functional.gelu(self.pwconv1(self.norm(y))))
        return x + self.pwconv2(y)  # type: ignore[no-any-return]


class MotionExtractor(nn.Module):
    """A face (B, 3, 256, 256), RGB 0…1 → its `KeypointMotion`."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        widths = architecture.motion_widths
        steps = [nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), _layer_norm(widths[0]))]
        for narrow, wide in zip(widths, widths[1:], strict=False):
            steps.append(nn.Sequential(_layer_norm(narrow), nn.Conv2d(narrow, wide, 2, stride=2)))
        self.downsample_layers = nn.ModuleList(steps)
        self.stages = nn.ModuleList(
            nn.Sequential(*(_Block(width) for _ in range(count)))
            for width, count in zip(widths, architecture.motion_blocks, strict=True)
        )
        self.norm = _layer_norm(widths[-1])
        self.fc_kp = nn.Linear(widths[-1], 3 * POINTS)
        self.fc_scale = nn.Linear(widths[-1], 1)
        self.fc_pitch = nn.Linear(widths[-1], BINS)
        self.fc_yaw = nn.Linear(widths[-1], BINS)
        self.fc_roll = nn.Linear(widths[-1], BINS)
        self.fc_t = nn.Linear(widths[-1], 3)
        self.fc_exp = nn.Linear(widths[-1], 3 * POINTS)

    def forward(self, image: Tensor) -> KeypointMotion:
        x = image.permute(0, 2, 3, 1)
        for step, stage in zip(self.downsample_layers, self.stages, strict=True):
            for layer in step:  # type: ignore[attr-defined]
                x = _over_pixels(layer, x)
            x = stage(x)
        x = self.norm(x.mean((1, 2)))
        return KeypointMotion(
            pitch=degrees(self.fc_pitch(x)),
            yaw=degrees(self.fc_yaw(x)),
            roll=degrees(self.fc_roll(x)),
            t=self.fc_t(x),
            expression=self.fc_exp(x).unflatten(-1, (POINTS, 3)),
            scale=self.fc_scale(x),
            keypoints=self.fc_kp(x).unflatten(-1, (POINTS, 3)),
        )


def _layer_norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=_EPS)


def _over_pixels(layer: nn.Module, x: Tensor) -> Tensor:
    """A norm as it is; a convolution on (B, H, W, C), whose channels lie last."""
    if isinstance(layer, nn.Conv2d):
        return layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)  # type: ignore[no-any-return]
    return layer(x)  # type: ignore[no-any-return]
