"""The SPADE generator on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.render.liveportrait.cpu.upsampled import UpsampledConvolution
from jamflow_rt.render.liveportrait.cpu.winograd import Winograd, enlargements
from jamflow_rt.render.liveportrait.cpu.workspace import Workspace, inside
from jamflow_rt.render.liveportrait.generator import (
    NORM_EPS,
    SLOPE,
    SpadeBlock,
    SpadeGenerator,
    SpadeNorm,
)


class CpuGenerator:
    """`SpadeGenerator` for one picture at a time.

    Args:
        generator: whose weights are used.
        workspace: for what is in work.
    """

    def __init__(self, generator: SpadeGenerator, workspace: Workspace) -> None:
        self._workspace = workspace
        self._enter = Winograd(generator.fc.weight, generator.fc.bias, workspace)
        middle = [block for block in generator.middle if isinstance(block, SpadeBlock)]
        norms = [norm for block in middle for norm in (block.norm_0, block.norm_1)]
        self._shared = Winograd(*_side_by_side([norm.mlp_shared for norm in norms]), workspace)
        self._shared_width = sum(norm.mlp_shared.out_channels for norm in norms)
        self._middle = [_MiddleBlock(block, workspace) for block in middle]
        self._up_0 = _UpBlock(generator.up_0, workspace)
        self._up_1 = _UpBlock(generator.up_1, workspace)
        self._leave = Winograd(generator.conv_img.weight, generator.conv_img.bias, workspace)

    def __call__(self, framed: Tensor) -> Tensor:
        """The picture (1, 3, 8·H, 8·W), RGB 0…1, of features (1, H + 2, W + 2, C) in a frame."""
        size, width = framed.shape[1] - 2, framed.shape[-1]
        x = self._workspace.take("x", 1, size, size, 2 * width)
        for band in self._enter.bands(framed):
            band.of(x).copy_(band.tiles)
        shared = self._workspace.framed("shared", 1, size, size, self._shared_width)
        for band in self._shared.bands(framed):
            band.of(inside(shared)).copy_(band.tiles.relu_())
        parts = iter(shared.tensor_split(2 * len(self._middle), dim=-1))
        for block, shared_0, shared_1 in zip(self._middle, parts, parts, strict=True):
            block.add_to(x, shared_0, shared_1)
        x = self._up_1(self._up_0(x, framed, "half"), framed, "whole")
        entry = self._workspace.framed("modulated", *x.shape)
        inside(entry).copy_(x)
        functional.leaky_relu_(entry, SLOPE)
        picture = self._workspace.take("picture", *x.shape[:3], 12)
        for band in self._leave.bands(entry):
            band.of(picture).copy_(band.tiles)
        return functional.pixel_shuffle(picture.permute(0, 3, 1, 2), 2).sigmoid()


class _MiddleBlock:
    """A block whose skip is what came in."""

    def __init__(self, block: SpadeBlock, workspace: Workspace) -> None:
        self._workspace = workspace
        self._norm_0 = _modulation(block.norm_0, workspace)
        self._norm_1 = _modulation(block.norm_1, workspace)
        self._conv_0 = Winograd(block.conv_0.weight, block.conv_0.bias, workspace)
        self._conv_1 = Winograd(block.conv_1.weight, block.conv_1.bias, workspace)

    def add_to(self, x: Tensor, shared_0: Tensor, shared_1: Tensor) -> None:
        """Add the block's change to an image (1, H, W, C)."""
        y = self._workspace.take("y", *x.shape)
        for band in self._conv_0.bands(_modulated(self._norm_0, shared_0, x, self._workspace)):
            band.of(y).copy_(band.tiles)
        for band in self._conv_1.bands(_modulated(self._norm_1, shared_1, y, self._workspace)):
            band.of(x).add_(band.tiles)


class _UpBlock:
    """A block that works on its image at twice the size, and has fewer channels after it."""

    def __init__(self, block: SpadeBlock, workspace: Workspace) -> None:
        self._workspace = workspace
        norms = [block.norm_0, block.norm_1, block.norm_s]
        self._shared = UpsampledConvolution(
            *_side_by_side([norm.mlp_shared for norm in norms]), workspace
        )
        self._shared_width = sum(norm.mlp_shared.out_channels for norm in norms)
        self._norm_0 = _modulation(block.norm_0, workspace)
        self._norm_1 = _modulation(block.norm_1, workspace)
        self._conv_0 = Winograd(block.conv_0.weight, block.conv_0.bias, workspace)
        self._conv_1 = Winograd(block.conv_1.weight, block.conv_1.bias, workspace)
        self._outputs, self._inputs, self._between = (
            block.conv_1.out_channels,
            block.conv_0.in_channels,
            block.conv_0.out_channels,
        )
        # Nothing bends between the skip's shift and its convolution: they become one.
        self._skip = block.conv_s.weight[:, :, 0, 0]
        gamma, beta = block.norm_s.mlp_gamma, block.norm_s.mlp_beta
        assert gamma.bias is not None and beta.bias is not None
        shift = torch.einsum("oc,cikl->oikl", self._skip, beta.weight)
        self._norm_s = Winograd(
            torch.cat([gamma.weight, shift]),
            torch.cat([1 + gamma.bias, self._skip @ beta.bias]),
            workspace,
        )

    def __call__(self, x: Tensor, features: Tensor, name: str) -> Tensor:
        """The image (1, 2·H, 2·W, outputs) of x (1, H, W, inputs), in the buffer of that name."""
        size = 2 * x.shape[1]
        shared = self._workspace.framed("shared", 1, size, size, self._shared_width)
        self._shared.into(inside(shared), features)
        shared_0, shared_1, shared_s = shared.tensor_split(3, dim=-1)
        out = self._workspace.take(name, 1, size, size, self._outputs)
        self._write_skip(out, x, shared_s)
        y = self._workspace.take("y", 1, size, size, self._between)
        for band in self._conv_0.bands(_modulated(self._norm_0, shared_0, x, self._workspace)):
            band.of(y).copy_(band.tiles)
        for band in self._conv_1.bands(_modulated(self._norm_1, shared_1, y, self._workspace)):
            band.of(out).add_(band.tiles)
        return out

    def _write_skip(self, out: Tensor, x: Tensor, shared: Tensor) -> None:
        normed = _normed(x, self._workspace)
        for band in self._norm_s.bands(shared):
            gain, shift = band.tiles[..., : self._inputs], band.tiles[..., self._inputs :]
            scaled = self._workspace.take("scaled", *gain.shape)
            torch.mul(enlargements(gain, 2), band.enlarged(normed, 2), out=enlargements(scaled, 2))
            skip = self._workspace.take("skip", *shift.shape)
            torch.addmm(
                shift.reshape(-1, self._outputs),
                scaled.view(-1, self._inputs),
                self._skip.T,
                out=skip.view(-1, self._outputs),
            )
            band.of(out).copy_(skip)


def _side_by_side(convs: Sequence[nn.Conv2d]) -> tuple[Tensor, Tensor]:
    """Weight and bias of one convolution that does what several do with the same input."""
    biases = [conv.bias for conv in convs if conv.bias is not None]
    return torch.cat([conv.weight for conv in convs]), torch.cat(biases)


def _modulation(norm: SpadeNorm, workspace: Workspace) -> Winograd:
    """A norm's gains and shifts in one convolution."""
    weight, bias = _side_by_side([norm.mlp_gamma, norm.mlp_beta])
    gain, shift = bias.chunk(2)
    return Winograd(weight, torch.cat([1 + gain, shift]), workspace)


def _modulated(convolution: Winograd, shared: Tensor, x: Tensor, workspace: Workspace) -> Tensor:
    """An image (1, h, w, C), normed, scaled, shifted and bent, at the size of `shared`, framed."""
    normed = _normed(x, workspace)
    height, width = shared.shape[1] - 2, shared.shape[2] - 2
    times = height // x.shape[1]
    modulated = workspace.framed("modulated", 1, height, width, x.shape[-1])
    for band in convolution.bands(shared):
        gain, shift = band.tiles.chunk(2, dim=-1)
        target = band.of(inside(modulated))
        torch.addcmul(
            enlargements(shift, times),
            band.enlarged(normed, times),
            enlargements(gain, times),
            out=enlargements(target, times),
        )
        functional.leaky_relu_(target, SLOPE)
    return modulated


def _normed(x: Tensor, workspace: Workspace) -> Tensor:
    """Every channel of an image (1, H, W, C) with mean 0 and variance 1."""
    pixels = x.view(-1, x.shape[-1])
    normed = torch.sub(pixels, pixels.mean(0), out=workspace.take("normed", *pixels.shape))
    variance = torch.linalg.vector_norm(normed, dim=0).square_() / len(pixels)
    return normed.mul_(torch.rsqrt(variance + NORM_EPS)).view(x.shape)
