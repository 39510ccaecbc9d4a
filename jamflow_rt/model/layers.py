"""The parts both streams are built from. Names of parameters follow F5-TTS, so its weights load."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.model.activations import Mish, TanhGelu
from jamflow_rt.model.packing import PackedLinear, packed, product
from jamflow_rt.model.rope import rotate

_NORM_EPS = 1e-6
"""Added to the mean square of queries and keys before its root is divided by."""


class TimestepEmbedding(nn.Module):
    """Flow time (B,) → (B, width): 256 sinusoids and an MLP."""

    frequencies: Tensor

    def __init__(self, width: int, sinusoids: int = 256) -> None:
        super().__init__()
        half = sinusoids // 2
        frequencies = torch.exp(torch.arange(half) * (-math.log(10_000) / (half - 1)))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.time_mlp = nn.Sequential(
            nn.Linear(sinusoids, width), nn.SiLU(), nn.Linear(width, width)
        )

    def silence(self) -> None:
        """Begin as zero."""
        last = self.time_mlp[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, t: Tensor) -> Tensor:
        angles = 1000.0 * t[:, None] * self.frequencies
        embedded: Tensor = self.time_mlp(torch.cat([angles.sin(), angles.cos()], dim=-1))
        return embedded


class ConvPositionEmbedding(nn.Module):
    """Two grouped convolutions that tell tokens about their neighbours (B, T, width)."""

    def __init__(self, width: int, kernel: int, groups: int) -> None:
        super().__init__()

        def conv() -> nn.Conv1d:
            return nn.Conv1d(width, width, kernel, groups=groups, padding=kernel // 2)

        self.conv1d = nn.Sequential(conv(), Mish(), conv(), Mish())

    def forward(self, x: Tensor) -> Tensor:
        if x.is_cuda or torch.is_grad_enabled():
            convolved: Tensor = self.conv1d(x.transpose(1, 2))
            return convolved.transpose(1, 2)
        for part in self.conv1d:
            x = convolve_tokens(part, x) if isinstance(part, nn.Conv1d) else part(x)
        return x


def convolve_tokens(conv: nn.Conv1d, x: Tensor) -> Tensor:
    """What `conv` makes of tokens (B, T, width), as tokens.

    Tokens lie in memory as the pixels of a picture with the channels last, one row high. A CPU
    convolves such pictures more than twice as fast as channels first, and nothing is transposed.
    """
    y = functional.conv2d(
        x.transpose(1, 2)[:, :, None],
        conv.weight[:, :, None],
        conv.bias,
        padding=(0, conv.kernel_size[0] // 2),
        groups=conv.groups,
    )
    return y[:, :, 0].transpose(1, 2)


class GlobalResponseNorm(nn.Module):
    """ConvNeXt V2's GRN over the time axis, as in F5-TTS."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, width))
        self.beta = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        energy: Tensor = x.norm(dim=1, keepdim=True)
        normed: Tensor = x * energy / (energy.mean(-1, keepdim=True) + 1e-6)
        return self.gamma * normed + self.beta + x


class ConvNeXtV2Block(nn.Module):
    """Text refinement block (B, T, width).

    `global_norm=False` leaves GRN out: it looks at the whole sequence, so a window's text features
    would depend on where the window is cut.
    """

    def __init__(self, width: int, hidden: int, global_norm: bool) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, hidden)
        self.grn = GlobalResponseNorm(hidden) if global_norm else nn.Identity()
        self.pwconv2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.dwconv(x.transpose(1, 2)).transpose(1, 2)
        y = self.grn(functional.gelu(self.pwconv1(self.norm(y))))
        return x + self.pwconv2(y)  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    """Linear, GELU (tanh), Linear."""

    def __init__(self, width: int, mult: int) -> None:
        super().__init__()
        # The nesting reproduces F5-TTS's parameter names ff.0.0 and ff.2.
        self.ff = nn.Sequential(
            nn.Sequential(PackedLinear(width, width * mult), TanhGelu()),
            nn.Identity(),
            PackedLinear(width * mult, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.ff(x)  # type: ignore[no-any-return]


class Fused(NamedTuple):
    """Queries, keys and values as one projection; H heads."""

    weight: Tensor
    """(3 · H · head_size, width)"""
    bias: Tensor
    norm: Tensor | None
    """(2, 1, head_size) weights of the norms of queries and keys."""


class Attention(nn.Module):
    """Projections of one stream; the attention itself runs over whatever keys it is given."""

    packed: Tensor | None
    """The fused weight as a CPU reads it."""

    def __init__(self, width: int, heads: int, head_size: int, qk_norm: bool) -> None:
        super().__init__()
        inner = heads * head_size
        self.heads = heads
        # A copy of the weights: gone as soon as they may change.
        self._fused: Fused | None = None
        self.register_buffer("packed", None, persistent=False)
        self.to_q = nn.Linear(width, inner)
        self.to_k = nn.Linear(width, inner)
        self.to_v = nn.Linear(width, inner)
        self.to_out = nn.ModuleList([PackedLinear(inner, width)])
        self.q_norm: nn.Module = nn.RMSNorm(head_size, eps=_NORM_EPS) if qk_norm else nn.Identity()
        self.k_norm: nn.Module = nn.RMSNorm(head_size, eps=_NORM_EPS) if qk_norm else nn.Identity()

    def project(self, x: Tensor, table: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries, rotated keys and values, each (B, H, T, head_size)."""
        fused = self._fused
        if fused is not None and not torch.is_grad_enabled():
            return self._project_fused(fused, x, table)

        # Normalise and rotate before the axes are swapped: strided memory is several times slower.
        def split(y: Tensor) -> Tensor:
            return y.reshape(*y.shape[:2], self.heads, -1)

        q = rotate(self.q_norm(split(self.to_q(x))), table)
        k = rotate(self.k_norm(split(self.to_k(x))), table)
        return q.transpose(1, 2), k.transpose(1, 2), split(self.to_v(x)).transpose(1, 2)

    def _project_fused(
        self, fused: Fused, x: Tensor, table: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        y = product(x, fused.weight, fused.bias, self.packed)
        y = y.reshape(*y.shape[:2], 3, self.heads, -1)
        qk = y[:, :, :2]
        if fused.norm is not None:
            qk = functional.rms_norm(qk.float(), qk.shape[-1:], eps=_NORM_EPS) * fused.norm
        q, k = rotate(qk, table[:, None]).to(y.dtype).transpose(1, 3).unbind(2)
        return q, k, y[:, :, 2].transpose(1, 2)

    def fuse(self) -> None:
        """Make queries, keys and values one product, for use without gradients.

        Undone by whatever may change the weights: `train()`, `eval()` and moves to a device.
        """
        with torch.no_grad():
            parts = (self.to_q, self.to_k, self.to_v)
            norm = None
            if isinstance(self.q_norm, nn.RMSNorm) and isinstance(self.k_norm, nn.RMSNorm):
                norm = torch.stack([self.q_norm.weight, self.k_norm.weight])[:, None]
            self._fused = Fused(
                torch.cat([part.weight for part in parts]),
                torch.cat([part.bias for part in parts]),
                norm,
            )
            self.packed = None

    def pack(self) -> None:
        """Lay the fused weight out as a CPU reads it, where that pays; undone as `fuse` is."""
        if self._fused is not None and self.packed is None:
            self.packed = packed(self._fused.weight)

    def train(self, mode: bool = True) -> Self:
        self._fused = self.packed = None
        return super().train(mode)

    def _apply(self, fn: Callable[..., Tensor], recurse: bool = True) -> Self:
        self._fused = self.packed = None
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call,no-any-return]

    def merge(self, y: Tensor) -> Tensor:
        """(B, H, T, head_size) → (B, T, width)."""
        return self.to_out[0](y.transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Softmax attention; `bias` (T_q, T_k) is 0 or −inf.

    Written out where a CPU has to differentiate it: there the backward pass of
    `scaled_dot_product_attention` is several times slower.
    """
    if q.is_cuda or not torch.is_grad_enabled():
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    scores: Tensor = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if bias is not None:
        scores = scores + bias.to(scores.dtype)
    return scores.softmax(-1).to(v.dtype) @ v


class Modulation(nn.Module):
    """AdaLN's six vectors for a block: shift, scale, gate for attention and for the MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, time: Tensor) -> Tensor:
        return self.linear(functional.silu(time))  # type: ignore[no-any-return]


def modulated_norm(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Layer norm without weights of its own, then AdaLN's scale and shift (B, 1, width)."""
    return torch.addcmul(shift, functional.layer_norm(x, x.shape[-1:], eps=1e-6), 1 + scale)


class FinalNorm(nn.Module):
    """AdaLN before the last projection (scale first, then shift, as F5-TTS)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2 * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.linear(functional.silu(time))[:, None].chunk(2, dim=-1)
        return modulated_norm(x, shift, scale)


class Block(nn.Module):
    """One DiT block of one stream, cut at its attention so that two streams can share it."""

    def __init__(
        self,
        width: int,
        heads: int,
        head_size: int,
        ff_mult: int,
        qk_norm: bool,
        modulation: Callable[[], nn.Module] | None,
    ) -> None:
        super().__init__()
        # With its own AdaLN (`attn_norm`, F5-TTS's name) or an offset to the stream's shared one.
        if modulation is None:
            self.offset = nn.Parameter(torch.zeros(6 * width))
        else:
            self.attn_norm = modulation()
        self.attn = Attention(width, heads, head_size, qk_norm)
        self.ff = FeedForward(width, ff_mult)

    def modulate(self, time: Tensor, shared: Tensor | None) -> tuple[Tensor, ...]:
        """The six (B, 1, width) modulation vectors at this flow time."""
        vectors = self.attn_norm(time) if shared is None else shared + self.offset
        return tuple(vectors[:, None].chunk(6, dim=-1))

    def before(
        self, x: Tensor, m: tuple[Tensor, ...], table: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of this stream's tokens."""
        return self.attn.project(modulated_norm(x, m[0], m[1]), table)

    def after(self, x: Tensor, m: tuple[Tensor, ...], attended: Tensor) -> Tensor:
        """The residual stream after attention and MLP."""
        x = torch.addcmul(x, m[2], self.attn.merge(attended))
        return torch.addcmul(x, m[5], self.ff(modulated_norm(x, m[3], m[4])))
