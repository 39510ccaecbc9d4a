"""The warping network on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from jamflow_rt.render.liveportrait.cpu.dense_motion import CpuDenseMotion
from jamflow_rt.render.liveportrait.cpu.winograd import Winograd
from jamflow_rt.render.liveportrait.cpu.workspace import Workspace, inside
from jamflow_rt.render.liveportrait.warping import SLOPE, WarpingNetwork


class CpuWarping:
    """`WarpingNetwork` for one picture at a time.

    Args:
        network: whose weights are used.
        depth: layers of the volume.
        workspace: for what is in work.
    """

    def __init__(self, network: WarpingNetwork, depth: int, workspace: Workspace) -> None:
        self._workspace = workspace
        self._dense_motion = CpuDenseMotion(network.dense_motion, workspace)
        third, fourth = network.third.conv, network.fourth
        # Here the channels of a voxel lie together, there the layers of a channel.
        weight = torch.unflatten(third.weight, 1, (-1, depth)).transpose(1, 2).flatten(1, 2)
        self._third = Winograd(weight, third.bias, workspace)
        self._width = fourth.out_channels
        assert fourth.bias is not None
        self._fourth, self._fourth_bias = fourth.weight[:, :, 0, 0].T, fourth.bias

    def __call__(self, f_s: Tensor, x_s: Tensor, x_d: Tensor) -> Tensor:
        """Features (1, H + 2, W + 2, 256) in a frame, of a source and keypoints (1, 21, 3)."""
        motion = self._dense_motion(f_s, x_s, x_d)
        channels, depth, height, width = f_s.shape[1:]
        moved = self._workspace.framed("moved", 1, height, width, depth * channels)
        voxels = sampled(f_s[0], motion.positions[0]).permute(1, 2, 0, 3)
        torch.unflatten(inside(moved)[0], -1, (depth, channels)).copy_(voxels)
        features = self._workspace.framed("features", 1, height, width, self._width)
        y = self._workspace.take("y", 1, height, width, self._width)
        for band in self._third.bands(moved):
            band.of(y).copy_(functional.leaky_relu_(band.tiles, SLOPE))
        mixed = torch.addmm(self._fourth_bias, y.view(-1, self._width), self._fourth)
        torch.mul(mixed.view(y.shape), motion.occlusion[0, ..., None], out=inside(features))
        return features


def sampled(volume: Tensor, positions: Tensor) -> Tensor:
    """Read a volume between its voxels; outside is zero.

    What `grid_sample` does, which uses one core for one volume.

    Args:
        volume: (C, D, H, W).
        positions: (D, H, W, 3) of x, y, z, −1…1 from border to border.

    Returns:
        (D, H, W, C).
    """
    sizes = torch.tensor(volume.shape[:0:-1])
    places = ((positions.view(-1, 3) + 1) * sizes - 1) / 2
    low = places.floor()
    steps = torch.cartesian_prod(*[torch.arange(2)] * 3)
    corners = low[:, None].int() + steps
    weights = (1 - (places[:, None] - corners).abs()).clamp(min=0).prod(-1)
    exist = ((corners >= 0) & (corners < sizes)).all(-1)
    strides = torch.tensor([1, volume.shape[3], volume.shape[2] * volume.shape[3]])
    voxels = torch.minimum(corners.clamp(min=0), sizes - 1) @ strides
    read = functional.embedding_bag(
        voxels,
        volume.flatten(1).T.contiguous(),
        per_sample_weights=weights * exist,
        mode="sum",
    )
    return read.view(*positions.shape[:-1], -1)
