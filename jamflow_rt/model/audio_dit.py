"""Audio-DiT: F5-TTS's network. `paper` takes the weights of F5TTS_v1_Base name by name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jamflow_rt.config import ModelConfig
from jamflow_rt.model.stream import StreamDiT, join
from jamflow_rt.model.text_embed import text_embedding


class AudioDiT(StreamDiT):
    """Input: noisy mel ⊕ known mel (⊕ mask) ⊕ text features."""

    def __init__(self, config: ModelConfig) -> None:
        channels = 2 * config.mels + int(config.mask_channels) + config.text.width
        super().__init__(config, config.audio, channels, config.mels)
        self.text_embed = text_embedding(config.text)
        self.mask_channels = config.mask_channels
        self.voice_embed: nn.Embedding | None = None
        if config.voices:
            # Row 0 stands for whoever speaks in the prefix.
            self.voice_embed = nn.Embedding(config.voices + 1, config.audio.width)
            nn.init.normal_(self.voice_embed.weight, std=0.02)

    def embed_time(self, t: Tensor, voice: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """As `StreamDiT.embed_time`; the voice (B,) modulates the blocks as time does."""
        time = self.time_embed(t)
        if self.voice_embed is not None:
            time = time + self.voice_embed(torch.zeros_like(t).long() if voice is None else voice)
        return time, None if self.modulation is None else self.modulation(time)

    def embed(self, noisy: Tensor, known: Tensor, masked: Tensor, text: Tensor) -> Tensor:
        """Tokens (B, T_a, width) of mels (B, T_a, 100), masks (B, T_a) and text features."""
        mask = masked[..., None].to(noisy.dtype) if self.mask_channels else None
        return self.input_embed(join([noisy, known, mask, text]))  # type: ignore[no-any-return]
