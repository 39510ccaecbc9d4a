"""LivePortrait's generator G: warped features become a picture (SPADE, Park et al. 2019)."""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.render.liveportrait.architecture import Architecture

SLOPE: Final = 0.2
"""Of the leaky ReLUs."""
NORM_EPS: Final = 1e-5
"""Added to a channel's variance before its root is divided by."""


class SpadeNorm(nn.Module):
    """Each channel's mean and variance taken out, then scaled and shifted as the features say."""

    def __init__(self, width: int, architecture: Architecture) -> None:
        super().__init__()
        shared = architecture.shared_width
        self.mlp_shared = nn.Conv2d(architecture.warped_width, shared, 3, padding=1)
        self.mlp_gamma = nn.Conv2d(shared, width, 3, padding=1)
        self.mlp_beta = nn.Conv2d(shared, width, 3, padding=1)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        shared = functional.relu(self.mlp_shared(features))
        gain: Tensor = 1 + self.mlp_gamma(shared)
        normed = functional.instance_norm(x, eps=NORM_EPS)
        return normed * gain + self.mlp_beta(shared)  # type: ignore[no-any-return]


class SpadeBlock(nn.Module):
    """A residual block of two SPADE norms; the skip has its own where the width changes."""

    def __init__(self, inputs: int, outputs: int, architecture: Architecture) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.norm_0 = SpadeNorm(inputs, architecture)
        self.conv_0 = nn.Conv2d(inputs, middle, 3, padding=1)
        self.norm_1 = SpadeNorm(middle, architecture)
        self.conv_1 = nn.Conv2d(middle, outputs, 3, padding=1)
        if inputs != outputs:
            self.norm_s = SpadeNorm(inputs, architecture)
            self.conv_s = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        features = functional.interpolate(features, size=x.shape[2:])
        y = self.conv_0(functional.leaky_relu(self.norm_0(x, features), SLOPE))
        y = self.conv_1(functional.leaky_relu(self.norm_1(y, features), SLOPE))
        skip = self.conv_s(self.norm_s(x, features)) if hasattr(self, "conv_s") else x
        return skip + y  # type: ignore[no-any-return]


class SpadeGenerator(nn.Module):
    """Warped features (B, 256, 64, 64) → a picture (B, 3, 512, 512), RGB 0…1."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, drawn = architecture.warped_width, architecture.drawn_width
        self.fc = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.middle = nn.ModuleList(
            SpadeBlock(2 * width, 2 * width, architecture)
            for _ in range(architecture.generator_blocks)
        )
        self.up_0 = SpadeBlock(2 * width, width, architecture)
        self.up_1 = SpadeBlock(width, drawn, architecture)
        self.conv_img = nn.Conv2d(drawn, 12, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        x = self.fc(features)
        for block in self.middle:
            x = block(x, features)
        x = self.up_0(functional.interpolate(x, scale_factor=2), features)
        x = self.up_1(functional.interpolate(x, scale_factor=2), features)
        x = self.conv_img(functional.leaky_relu(x, SLOPE))
        return functional.pixel_shuffle(x, 2).sigmoid()
