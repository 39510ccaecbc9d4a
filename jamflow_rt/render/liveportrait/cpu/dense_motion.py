"""The network of the dense motion on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.render.liveportrait.cpu.spectral import SpectralConvolution
from jamflow_rt.render.liveportrait.cpu.upsampled import UpsampledConvolution
from jamflow_rt.render.liveportrait.cpu.winograd import Winograd, enlargements
from jamflow_rt.render.liveportrait.cpu.workspace import Workspace, inside
from jamflow_rt.render.liveportrait.dense_motion import DenseMotion, FlowBlock, Hourglass, Motion
from jamflow_rt.render.liveportrait.flow import mixed, suggested


class CpuDenseMotion:
    """`DenseMotion` for one picture at a time.

    Args:
        network: whose weights are used.
        workspace: for what is in work.
    """

    def __init__(self, network: DenseMotion, workspace: Workspace) -> None:
        self._compress = network.compress
        self._hourglass = _CpuHourglass(network.hourglass, workspace)
        assert network.mask.bias is not None
        self._mask = SpectralConvolution(network.mask.weight, network.mask.bias, workspace)
        self._occlusion = _Occlusion(network.occlusion, network.mask.in_channels)

    def __call__(self, f_s: Tensor, x_s: Tensor, x_d: Tensor) -> Motion:
        """The motion of one source (1, 32, 16, 64, 64) between keypoints (1, 21, 3)."""
        y = self._hourglass(suggested(functional.relu(self._compress(f_s)), x_s, x_d)[0])
        weights = self._mask(y).softmax(-1).permute(3, 0, 1, 2)
        return Motion(mixed(weights[None], x_s, x_d), self._occlusion(y).sigmoid())


class _CpuHourglass:
    """Each level has one volume: what comes up from below, then what went down before."""

    def __init__(self, network: Hourglass, workspace: Workspace) -> None:
        self._workspace = workspace
        down = _convolutions(network.encoder.down_blocks)
        up = _convolutions(network.decoder.up_blocks)
        # From the finest level to the coarsest.
        self._down = [Winograd(conv.weight, conv.bias, workspace) for conv in down]
        self._up = [UpsampledConvolution(conv.weight, _bias(conv), workspace) for conv in up[::-1]]
        self._skipped = [conv.in_channels for conv in down]
        self._raised = [conv.out_channels for conv in up[::-1]]
        self._deepest = down[-1].out_channels
        last = network.decoder.conv
        self._last = Winograd(last.weight, last.bias, workspace)

    def __call__(self, x: Tensor) -> Tensor:
        """(110, D, H, W) → (D, H, W, 142)."""
        depth, height, width = x.shape[1:]
        levels = [
            self._workspace.framed(
                f"level {number}", depth, height >> number, width >> number, raised + skipped
            )
            for number, (raised, skipped) in enumerate(
                zip([*self._raised, 0], [*self._skipped, self._deepest], strict=True)
            )
        ]
        skips = [
            level[..., raised:] for level, raised in zip(levels, [*self._raised, 0], strict=True)
        ]
        inside(skips[0]).copy_(x.permute(1, 2, 3, 0))
        for conv, fine, coarse in zip(self._down, skips, skips[1:], strict=False):
            for band in conv.bands(fine):
                pooled = band.halved(inside(coarse))
                pooled.copy_(enlargements(band.tiles.relu_(), 2).mean((1, 3)))
        for number in reversed(range(len(self._up))):
            raised = inside(levels[number])[..., : self._raised[number]]
            self._up[number].into(raised, levels[number + 1])
        y = self._workspace.take("hourglass", depth, height, width, levels[0].shape[-1])
        for band in self._last.bands(levels[0]):
            band.of(y).copy_(band.tiles.relu_())
        return y


class _Occlusion:
    """A convolution to one channel: a product for each tap, then all taps shifted and added."""

    def __init__(self, conv: nn.Conv2d, channels: int) -> None:
        self._kernel = conv.kernel_size[0]
        by_layer = torch.unflatten(conv.weight[0], 0, (channels, -1)).flip(-1, -2)
        self._taps = by_layer.permute(1, 0, 2, 3).flatten(2).contiguous()
        self._bias = _bias(conv)

    def __call__(self, volume: Tensor) -> Tensor:
        """(D, H, W, C) → (1, 1, H, W)."""
        size = volume.shape[1:3]
        taps = torch.zeros(size.numel(), self._taps.shape[-1])
        for layer, weight in zip(volume.flatten(1, 2), self._taps, strict=True):
            taps.addmm_(layer, weight)
        summed = functional.fold(taps.T[None], tuple(size), self._kernel, padding=self._kernel // 2)
        return summed + self._bias


def _convolutions(blocks: nn.ModuleList) -> list[nn.Conv3d]:
    return [block.conv for block in blocks if isinstance(block, FlowBlock)]


def _bias(conv: nn.Conv2d | nn.Conv3d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
