"""Where each voxel comes from in the source: the geometry around the network that estimates it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_VARIANCE = 0.01
"""Of the bell that stands for a keypoint."""


def suggested(volume: Tensor, x_s: Tensor, x_d: Tensor) -> Tensor:
    """What each keypoint suggests: a bell where it is, and the volume moved as it moved.

    Args:
        volume: (B, C, D, H, W) the source's features.
        x_s: (B, K, 3) the source's keypoints.
        x_d: (B, K, 3) where they are to be.

    Returns:
        (B, (K + 1) · (1 + C), D, H, W), beginning with the background, which does not move.
    """
    shape = volume.shape[2:]
    bells = functional.pad(_bells(x_d, shape) - _bells(x_s, shape), (0, 0) * 3 + (1, 0))
    moved = _moved(volume, functional.pad(x_s - x_d, (0, 0, 1, 0)))
    return torch.cat([bells[:, :, None], moved], dim=2).flatten(1, 2)


def mixed(weights: Tensor, x_s: Tensor, x_d: Tensor) -> Tensor:
    """Where voxels come from, when each believes the keypoints to some degree.

    Args:
        weights: (B, K + 1, D, H, W) with sum 1, the background first.
        x_s: (B, K, 3) the source's keypoints.
        x_d: (B, K, 3) where they are to be.

    Returns:
        (B, D, H, W, 3): x, y, z, −1…1.
    """
    lines = [_line(count, weights) for count in weights.shape[2:]]
    own = torch.stack(torch.meshgrid(*lines, indexing="ij")[::-1], dim=-1)
    return own + torch.einsum("bkzyx,bka->bzyxa", weights[:, 1:], x_s - x_d)


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
