"""Audio-DiT: F5-TTS's network. `paper` takes the weights of F5TTS_v1_Base name by name."""

from __future__ import annotations

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

    def embed_voice(self, voice: Tensor | None, count: int) -> Tensor | None:
        """(count, width) of voices (count,), to modulate the blocks as time does."""
        if self.voice_embed is None:
            return None
        rows = self.voice_embed.weight.new_zeros(count).long() if voice is None else voice
        return self.voice_embed(rows)  # type: ignore[no-any-return]

    def embed(self, noisy: Tensor, known: Tensor, masked: Tensor, text: Tensor) -> Tensor:
        """Tokens (B, T_a, width) of mels (B, T_a, 100), masks (B, T_a) and text features."""
        mask = masked[..., None].to(noisy.dtype) if self.mask_channels else None
        return self.input_embed(join([noisy, known, mask, text]))  # type: ignore[no-any-return]
