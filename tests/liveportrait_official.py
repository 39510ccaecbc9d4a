"""LivePortrait's networks as they are published: names, norms beside convolutions, plain formulas.

Weights are made up. What they should give is computed from them slowly and directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from jamflow_rt.render.liveportrait.architecture import POINTS, Architecture

Tensors = dict[str, Tensor]


@dataclass
class Names:
    """Makes the tensors of a published file."""

    tensors: Tensors = field(default_factory=dict)

    def conv(self, name: str, o: int, c: int, *kernel: int, bias: bool = True) -> None:
        fan = c * torch.Size(kernel).numel()
        self.tensors[f"{name}.weight"] = torch.randn(o, c, *kernel) * fan**-0.5
        if bias:
            self.tensors[f"{name}.bias"] = torch.randn(o) * 0.2

    def spectral(self, name: str, o: int, c: int, *kernel: int, bias: bool = True) -> None:
        self.conv(name, o, c, *kernel, bias=bias)
        weight = self.tensors.pop(f"{name}.weight")
        self.tensors[f"{name}.weight_orig"] = weight
        self.tensors[f"{name}.weight_u"] = functional.normalize(torch.randn(o), dim=0)
        v = weight.flatten(1).T @ self.tensors[f"{name}.weight_u"]
        self.tensors[f"{name}.weight_v"] = functional.normalize(v, dim=0)

    def affine(self, name: str, width: int) -> None:
        self.tensors[f"{name}.weight"] = torch.rand(width) + 0.5
        self.tensors[f"{name}.bias"] = torch.randn(width) * 0.2

    def batch_norm(self, name: str, width: int) -> None:
        self.affine(name, width)
        self.tensors[f"{name}.running_mean"] = torch.randn(width) * 0.2
        self.tensors[f"{name}.running_var"] = torch.rand(width) + 0.5
        self.tensors[f"{name}.num_batches_tracked"] = torch.tensor(1000)

    def block(self, name: str, o: int, c: int, dimensions: int) -> None:
        self.conv(f"{name}.conv", o, c, *(3,) * dimensions)
        self.batch_norm(f"{name}.norm", o)


def appearance_names(a: Architecture) -> Tensors:
    names, width = Names(), a.appearance_width
    names.block("first", width, 3, 2)
    for i in range(2):
        names.block(f"down_blocks.{i}", width << (i + 1), width << i, 2)
    names.conv("second", a.channels * a.depth, 4 * width, 1, 1)
    for i in range(a.appearance_blocks):
        for part in (1, 2):
            names.conv(f"resblocks_3d.3dr{i}.conv{part}", a.channels, a.channels, 3, 3, 3)
            names.batch_norm(f"resblocks_3d.3dr{i}.norm{part}", a.channels)
    return names.tensors


def motion_names(a: Architecture) -> Tensors:
    names, widths = Names(), a.motion_widths
    names.conv("detector.downsample_layers.0.0", widths[0], 3, 4, 4)
    names.affine("detector.downsample_layers.0.1", widths[0])
    for i in range(1, 4):
        names.affine(f"detector.downsample_layers.{i}.0", widths[i - 1])
        names.conv(f"detector.downsample_layers.{i}.1", widths[i], widths[i - 1], 2, 2)
    for stage, (width, count) in enumerate(zip(widths, a.motion_blocks, strict=True)):
        for i in range(count):
            block = f"detector.stages.{stage}.{i}"
            names.conv(f"{block}.dwconv", width, 1, 7, 7)
            names.affine(f"{block}.norm", width)
            names.conv(f"{block}.pwconv1", 4 * width, width)
            names.tensors[f"{block}.grn.gamma"] = torch.randn(1, 1, 1, 4 * width) * 0.5
            names.tensors[f"{block}.grn.beta"] = torch.randn(1, 1, 1, 4 * width) * 0.2
            names.conv(f"{block}.pwconv2", width, 4 * width)
    names.affine("detector.norm", widths[-1])
    heads = {"kp": 63, "exp": 63, "pitch": 66, "yaw": 66, "roll": 66, "t": 3, "scale": 1}
    for head, outputs in heads.items():
        names.conv(f"detector.fc_{head}", outputs, widths[-1])
    return names.tensors


def warping_names(a: Architecture) -> Tensors:
    names, dense, inputs = Names(), "dense_motion_network", (POINTS + 1) * (a.compressed + 1)
    widths = [min(a.flow_most, a.flow_width << i) for i in range(a.flow_levels + 1)]
    down = [inputs, *widths[1:]]
    for i in range(a.flow_levels):
        names.block(f"{dense}.hourglass.encoder.down_blocks.{i}", down[i + 1], down[i], 3)
    for block, i in enumerate(reversed(range(a.flow_levels))):
        below = widths[i + 1] * (1 if block == 0 else 2)
        names.block(f"{dense}.hourglass.decoder.up_blocks.{block}", widths[i], below, 3)
    out = a.flow_width + inputs
    names.block(f"{dense}.hourglass.decoder", out, out, 3)
    names.conv(f"{dense}.mask", POINTS + 1, out, 7, 7, 7)
    names.tensors[f"{dense}.mask.weight"] *= 4  # decided, so that the flow is not flat
    names.conv(f"{dense}.compress", a.compressed, a.channels, 1, 1, 1)
    names.batch_norm(f"{dense}.norm", a.compressed)
    names.conv(f"{dense}.occlusion", 1, out * a.depth, 7, 7)
    names.block("third", a.warped_width, a.channels * a.depth, 2)
    names.conv("fourth", a.warped_width, a.warped_width, 1, 1)
    return names.tensors


def generator_names(a: Architecture) -> Tensors:
    names, width = Names(), a.warped_width

    def block(name: str, inputs: int, outputs: int) -> None:
        middle = min(inputs, outputs)
        names.spectral(f"{name}.conv_0", middle, inputs, 3, 3)
        names.spectral(f"{name}.conv_1", outputs, middle, 3, 3)
        norms = {"norm_0": inputs, "norm_1": middle}
        if inputs != outputs:
            names.spectral(f"{name}.conv_s", outputs, inputs, 1, 1, bias=False)
            norms["norm_s"] = inputs
        for norm, normed in norms.items():
            names.conv(f"{name}.{norm}.mlp_shared.0", a.shared_width, width, 3, 3)
            names.conv(f"{name}.{norm}.mlp_gamma", normed, a.shared_width, 3, 3)
            names.conv(f"{name}.{norm}.mlp_beta", normed, a.shared_width, 3, 3)

    names.conv("fc", 2 * width, width, 3, 3)
    for i in range(a.generator_blocks):
        block(f"G_middle_{i}", 2 * width, 2 * width)
    block("up_0", 2 * width, width)
    block("up_1", width, a.drawn_width)
    names.conv("conv_img.0", 12, a.drawn_width, 3, 3)
    return names.tensors


def stitching_names() -> dict[str, Tensors]:
    sizes = {
        "retarget_shoulder": (126, 128, 128, 64, 65),
        "retarget_mouth": (65, 128, 128, 64, 63),
        "retarget_eye": (66, 256, 256, 128, 128, 64, 63),
    }
    made = {}
    for part, widths in sizes.items():
        names = Names()
        for i, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
            names.conv(f"module.mlp.{2 * i}", outputs, inputs)
        made[part] = names.tensors
    return made


def write_official(folder: Path, a: Architecture, seed: int = 0) -> dict[str, Tensors]:
    """Write the published folder; what the files of the large networks hold comes back."""
    torch.manual_seed(seed)
    made = {
        "appearance_feature_extractor": appearance_names(a),
        "motion_extractor": motion_names(a),
        "warping_module": warping_names(a),
        "spade_generator": generator_names(a),
    }
    (folder / "base_models").mkdir(parents=True)
    (folder / "retargeting_models").mkdir()
    for name, tensors in made.items():
        torch.save(tensors, folder / "base_models" / f"{name}.pth")
    small = stitching_names()
    # The published file has seven entries; what the four others are is not known, but that the
    # three networks make up two fifths of its bytes.
    kept: dict[str, object] = {
        "epoch": 7,
        "retarget_other": {"module.mlp.0.weight": torch.randn(3, 4)},
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]},
        "step": 1,
    }
    torch.save(kept | small, folder / "retargeting_models" / "stitching_retargeting_module.pth")
    return made | small


def conv(t: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    if f"{name}.weight_orig" in t:
        original = t[f"{name}.weight_orig"]
        sigma = t[f"{name}.weight_u"] @ original.flatten(1) @ t[f"{name}.weight_v"]
        weight = original / sigma
    else:
        weight = t[f"{name}.weight"]
    convolve = functional.conv3d if weight.ndim == 5 else functional.conv2d
    return convolve(x, weight, t.get(f"{name}.bias"), padding=weight.shape[-1] // 2)


def batch_norm(t: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    mean, var = t[f"{name}.running_mean"], t[f"{name}.running_var"]
    return functional.batch_norm(x, mean, var, t[f"{name}.weight"], t[f"{name}.bias"])


def block(t: Mapping[str, Tensor], name: str, x: Tensor, slope: float = 0.0) -> Tensor:
    y = batch_norm(t, f"{name}.norm", conv(t, f"{name}.conv", x))
    return functional.leaky_relu(y, slope)


def appearance(t: Tensors, a: Architecture, image: Tensor) -> Tensor:
    x = block(t, "first", image)
    for i in range(2):
        x = functional.avg_pool2d(block(t, f"down_blocks.{i}", x), 2)
    x = conv(t, "second", x).reshape(len(x), a.channels, a.depth, *x.shape[2:])
    for i in range(a.appearance_blocks):
        name, y = f"resblocks_3d.3dr{i}", x
        for part in (1, 2):
            y = functional.relu(batch_norm(t, f"{name}.norm{part}", y))
            y = conv(t, f"{name}.conv{part}", y)
        x = x + y
    return x


def motion(t: Tensors, a: Architecture, image: Tensor) -> Tensors:
    """What the heads say, by their names."""
    t = {name.removeprefix("detector."): tensor for name, tensor in t.items()}

    def norm(name: str, x: Tensor) -> Tensor:
        width = (x.shape[-1],)
        return functional.layer_norm(x, width, t[f"{name}.weight"], t[f"{name}.bias"], 1e-6)

    def linear(name: str, x: Tensor) -> Tensor:
        return functional.linear(x, t[f"{name}.weight"], t[f"{name}.bias"])

    x = image
    for stage, (width, count) in enumerate(zip(a.motion_widths, a.motion_blocks, strict=True)):
        layer, side = f"downsample_layers.{stage}", 4 if stage == 0 else 2
        if stage:
            x = norm(f"{layer}.0", x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        name = f"{layer}.1" if stage else f"{layer}.0"
        x = functional.conv2d(x, t[f"{name}.weight"], t[f"{name}.bias"], stride=side)
        if not stage:
            x = norm(f"{layer}.1", x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        for i in range(count):
            name = f"stages.{stage}.{i}"
            y = functional.conv2d(
                x, t[f"{name}.dwconv.weight"], t[f"{name}.dwconv.bias"], padding=3, groups=width
            )
            y = linear(f"{name}.pwconv1", norm(f"{name}.norm", y.permute(0, 2, 3, 1)))
            y = functional.gelu(y)
            energy = y.square().sum((1, 2), keepdim=True).sqrt()
            share = energy / (energy.mean(-1, keepdim=True) + 1e-6)
            y = t[f"{name}.grn.gamma"] * y * share + t[f"{name}.grn.beta"] + y
            x = x + linear(f"{name}.pwconv2", y).permute(0, 3, 1, 2)
    x = norm("norm", x.mean((2, 3)))
    heads = ("kp", "exp", "pitch", "yaw", "roll", "t", "scale")
    return {head: linear(f"fc_{head}", x) for head in heads}


def warping(
    t: Tensors, a: Architecture, f_s: Tensor, x_s: Tensor, x_d: Tensor
) -> tuple[Tensor, Tensor]:
    """Features and occlusion, by one `grid_sample` for each keypoint."""
    dense = "dense_motion_network"
    volume = functional.relu(batch_norm(t, f"{dense}.norm", conv(t, f"{dense}.compress", f_s)))
    lines = [torch.linspace(-1, 1, n) for n in volume.shape[2:]]
    own = torch.stack(torch.meshgrid(*lines, indexing="ij")[::-1], -1)
    grids, inputs = [own.expand(len(f_s), -1, -1, -1, -1)], []
    for k in range(POINTS):
        grids.append(own - x_d[:, k, None, None, None] + x_s[:, k, None, None, None])
    for k, grid in enumerate(grids):
        bell = torch.zeros_like(grid[..., 0])
        if k:
            for points, sign in ((x_d, 1.0), (x_s, -1.0)):
                far = (own - points[:, k - 1, None, None, None]).square().sum(-1)
                bell = bell + sign * torch.exp(-0.5 * far / 0.01)
        inputs += [bell[:, None], functional.grid_sample(volume, grid, align_corners=False)]
    levels = [torch.cat(inputs, 1)]
    for i in range(a.flow_levels):
        x = block(t, f"{dense}.hourglass.encoder.down_blocks.{i}", levels[-1])
        levels.append(functional.avg_pool3d(x, (1, 2, 2)))
    x = levels.pop()
    for i in range(a.flow_levels):
        x = functional.interpolate(x, scale_factor=(1, 2, 2))
        x = block(t, f"{dense}.hourglass.decoder.up_blocks.{i}", x)
        x = torch.cat([x, levels.pop()], 1)
    x = block(t, f"{dense}.hourglass.decoder", x)
    weights = conv(t, f"{dense}.mask", x).softmax(1)
    flow = sum(
        weight[..., None] * grid for weight, grid in zip(weights.unbind(1), grids, strict=True)
    )
    occlusion = conv(t, f"{dense}.occlusion", x.flatten(1, 2)).sigmoid()
    moved = functional.grid_sample(f_s, flow, align_corners=False).flatten(1, 2)
    return conv(t, "fourth", block(t, "third", moved, 0.01)) * occlusion, occlusion


def generator(t: Tensors, a: Architecture, features: Tensor) -> Tensor:
    def norm(name: str, x: Tensor, shown: Tensor) -> Tensor:
        shared = functional.relu(conv(t, f"{name}.mlp_shared.0", shown))
        gain, shift = (conv(t, f"{name}.mlp_{part}", shared) for part in ("gamma", "beta"))
        return functional.instance_norm(x) * (1 + gain) + shift

    def residual(name: str, x: Tensor) -> Tensor:
        shown = functional.interpolate(features, size=x.shape[2:])
        skip = x
        if f"{name}.conv_s.weight_orig" in t:
            skip = conv(t, f"{name}.conv_s", norm(f"{name}.norm_s", x, shown))
        for i in range(2):
            x = functional.leaky_relu(norm(f"{name}.norm_{i}", x, shown), 0.2)
            x = conv(t, f"{name}.conv_{i}", x)
        return skip + x

    x = conv(t, "fc", features)
    for i in range(a.generator_blocks):
        x = residual(f"G_middle_{i}", x)
    for i in range(2):
        x = residual(f"up_{i}", functional.interpolate(x, scale_factor=2))
    x = conv(t, "conv_img.0", functional.leaky_relu(x, 0.2))
    return functional.pixel_shuffle(x, 2).sigmoid()
