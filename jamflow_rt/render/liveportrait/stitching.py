"""LivePortrait's small networks on keypoints: stitching, and retargeting of eyes and lips."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from jamflow_rt.render.liveportrait.architecture import POINTS
from jamflow_rt.render.liveportrait.keypoints import stitched

_ALL: Final = 3 * POINTS


class KeypointMlp(nn.Module):
    """Keypoints and what belongs to them (B, inputs) → offsets (B, outputs)."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        widths = (inputs, *hidden)
        for width, following in zip(widths, hidden, strict=False):
            layers += [nn.Linear(width, following), nn.ReLU()]
        self.mlp = nn.Sequential(*layers, nn.Linear(hidden[-1], outputs))

    def forward(self, *parts: Tensor) -> Tensor:
        return self.mlp(torch.cat([part.flatten(1) for part in parts], dim=1))  # type: ignore[no-any-return]


class Stitching(nn.Module):
    """The three networks of the published `stitching_retargeting_module.pth`."""

    def __init__(self) -> None:
        super().__init__()
        self.stitching = KeypointMlp(2 * _ALL, (128, 128, 64), _ALL + 2)
        self.eyes = KeypointMlp(_ALL + 3, (256, 256, 128, 128, 64), _ALL)
        self.lips = KeypointMlp(_ALL + 2, (128, 128, 64), _ALL)

    def forward(self, x_s: Tensor, x_d: Tensor) -> Tensor:
        """Keypoints (B, 21, 3) that move the face and leave its border in place.

        Args:
            x_s: (B, 21, 3) the source's keypoints.
            x_d: (B, 21, 3) where they are to be.
        """
        return stitched(x_d, self.stitching(x_s, x_d))

    def retarget_eyes(self, x_s: Tensor, openness: Tensor) -> Tensor:
        """Offsets (B, 21, 3) that open or close the eyes.

        Args:
            x_s: (B, 21, 3) the source's keypoints.
            openness: (B, 3) height by width of the source's left and right eye, and the wanted one.
        """
        return self.eyes(x_s, openness).unflatten(-1, (POINTS, 3))  # type: ignore[no-any-return]

    def retarget_lips(self, x_s: Tensor, openness: Tensor) -> Tensor:
        """Offsets (B, 21, 3) that open or close the mouth.

        Args:
            x_s: (B, 21, 3) the source's keypoints.
            openness: (B, 2) height by width of the source's mouth, and the wanted one.
        """
        return self.lips(x_s, openness).unflatten(-1, (POINTS, 3))  # type: ignore[no-any-return]
