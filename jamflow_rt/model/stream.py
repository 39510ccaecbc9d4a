"""What Audio-DiT and Motion-DiT have in common: input, blocks, output."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jamflow_rt.config import ModelConfig, StreamConfig
from jamflow_rt.model.layers import (
    Block,
    ConvPositionEmbedding,
    FinalNorm,
    Modulation,
    TimestepEmbedding,
)


class InputEmbedding(nn.Module):
    """Channels of a frame → tokens, plus the convolutional position embedding (F5-TTS)."""

    def __init__(self, channels: int, stream: StreamConfig) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, stream.width)
        self.conv_pos_embed = ConvPositionEmbedding(
            stream.width, stream.conv_kernel, stream.conv_groups
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.proj(x)
        return x + self.conv_pos_embed(x)  # type: ignore[no-any-return]


class StreamDiT(nn.Module):
    """One stream of the joint transformer: `channels` in, `out` numbers of velocity a token."""

    def __init__(self, config: ModelConfig, stream: StreamConfig, channels: int, out: int) -> None:
        super().__init__()
        self.time_embed = TimestepEmbedding(stream.width)
        self.step_embed = TimestepEmbedding(stream.width) if config.mean_velocity else None
        if self.step_embed is not None:
            self.step_embed.silence()
        self.input_embed = InputEmbedding(channels, stream)
        self.modulation = Modulation(stream.width) if config.shared_modulation else None
        own = None if config.shared_modulation else (lambda: Modulation(stream.width))
        self.transformer_blocks = nn.ModuleList(
            Block(stream.width, config.heads, config.head_size, stream.ff_mult, config.qk_norm, own)
            for _ in range(config.depth)
        )
        self.norm_out = FinalNorm(stream.width)
        self.proj_out = nn.Linear(stream.width, out)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def block(self, index: int) -> Block:
        """The block at `index`."""
        block = self.transformer_blocks[index]
        assert isinstance(block, Block)
        return block

    def embed_time(
        self, t: Tensor, step: Tensor | None = None, also: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Flow times (B,) → the time embedding and, where it is shared, its modulation.

        Args:
            t: flow times.
            step: (B,) lengths of the steps whose mean velocity is asked for; 0, or None for all,
                asks for the velocity at `t`.
            also: (B, width) what else modulates the blocks.
        """
        time = self.time_embed(t)
        if step is not None and self.step_embed is not None:
            time = time + self.step_embed(step) * (step > 0)[:, None]
        if also is not None:
            time = time + also
        return time, None if self.modulation is None else self.modulation(time)

    def velocity(self, x: Tensor, time: Tensor) -> Tensor:
        """The last AdaLN and projection: tokens → velocity."""
        return self.proj_out(self.norm_out(x, time))  # type: ignore[no-any-return]


def join(parts: list[Tensor | None]) -> Tensor:
    """Concatenate the channels that a configuration has."""
    return torch.cat([part for part in parts if part is not None], dim=-1)
