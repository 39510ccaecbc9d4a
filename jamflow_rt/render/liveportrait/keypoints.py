"""LivePortrait's implicit keypoints: x = s · (x_c · R + δ) + t (paper, section 3.2).

x_c are a face's keypoints without pose and expression, R its head's rotation, δ its expression, s
its scale and t its place. B stands for a batch, 21 for the keypoints.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

BINS: Final = 66
"""Classes that an angle of the head is told in."""
_BIN_DEGREES, _FIRST_BIN = 3.0, -97.5


class Placement(NamedTuple):
    """Where a face's keypoints are, given the keypoints it has at rest."""

    rotation: Tensor
    """(B, 3, 3); row vectors are multiplied by it from the right."""
    expression: Tensor
    """(B, 21, 3), δ."""
    scale: Tensor
    """(B, 1), s."""
    t: Tensor
    """(B, 3); only x and y are used."""


class KeypointMotion(NamedTuple):
    """What the motion extractor reads in a picture."""

    pitch: Tensor
    """(B,) degrees."""
    yaw: Tensor
    """(B,) degrees."""
    roll: Tensor
    """(B,) degrees."""
    t: Tensor
    """(B, 3)."""
    expression: Tensor
    """(B, 21, 3), δ."""
    scale: Tensor
    """(B, 1), s."""
    keypoints: Tensor
    """(B, 21, 3), x_c: those of the face at rest, seen from the front."""

    def placement(self) -> Placement:
        """The same without the keypoints at rest."""
        turned = rotation(self.pitch, self.yaw, self.roll)
        return Placement(turned, self.expression, self.scale, self.t)

    def placed(self) -> Tensor:
        """(B, 21, 3), x: the keypoints where they are in the picture."""
        return placed(self.keypoints, self.placement())


def degrees(bins: Tensor) -> Tensor:
    """The expected angle (B,) of logits (B, 66) over bins of 3 degrees from −97.5 on."""
    places = torch.arange(BINS, dtype=bins.dtype, device=bins.device)
    expected: Tensor = bins.softmax(-1) @ places
    return expected * _BIN_DEGREES + _FIRST_BIN


def rotation(pitch: Tensor, yaw: Tensor, roll: Tensor) -> Tensor:
    """(R_z · R_y · R_x)ᵀ of angles (B,) in degrees: (B, 3, 3), for row vectors."""
    x, y, z = (angle * (math.pi / 180) for angle in (pitch, yaw, roll))
    one, zero = torch.ones_like(x), torch.zeros_like(x)

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, dim=-1).reshape(-1, 3, 3)

    # Each is written transposed, so that their product in turned order is the transposed product.
    about_x = matrix(one, zero, zero, zero, x.cos(), x.sin(), zero, -x.sin(), x.cos())
    about_y = matrix(y.cos(), zero, -y.sin(), zero, one, zero, y.sin(), zero, y.cos())
    about_z = matrix(z.cos(), z.sin(), zero, -z.sin(), z.cos(), zero, zero, zero, one)
    return about_x @ about_y @ about_z


def placed(keypoints: Tensor, placement: Placement) -> Tensor:
    """X = s · (x_c · R + δ) + t, in which t has no depth.

    Args:
        keypoints: (B, 21, 3) x_c, the face at rest.
        placement: of a batch as large, or of one.
    """
    x = keypoints @ placement.rotation + placement.expression
    flat_t = placement.t * placement.t.new_tensor([1.0, 1.0, 0.0])
    return placement.scale[..., None] * x + flat_t[:, None]


def relative(source: Placement, driving: Placement, first: Placement) -> Placement:
    """The source, moved as the driving face moved since its first picture.

    Args:
        source: the face that is animated.
        driving: the face that leads, now.
        first: the same at its beginning, when it is taken to look like the source.
    """
    turned = driving.rotation @ first.rotation.mT @ source.rotation
    return Placement(
        turned,
        source.expression + driving.expression - first.expression,
        source.scale * (driving.scale / first.scale),
        source.t + driving.t - first.t,
    )


def stitched(x_d: Tensor, correction: Tensor) -> Tensor:
    """Keypoints as the stitching network wants them, so that the picture's border stays in place.

    Args:
        x_d: (B, 21, 3) where the face is to be.
        correction: (B, 65) an offset of each keypoint, then one of all in x and y.
    """
    offsets = correction[:, :-2].reshape(x_d.shape)
    return x_d + offsets + functional.pad(correction[:, None, -2:], (0, 1))
