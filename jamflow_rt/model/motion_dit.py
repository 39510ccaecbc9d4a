"""Motion-DiT: the face's stream."""

from __future__ import annotations

from torch import Tensor

from jamflow_rt.config import ModelConfig, StreamConfig
from jamflow_rt.model.stream import StreamDiT, join


class MotionDiT(StreamDiT):
    """Input: noisy motion ⊕ known motion (⊕ a mask for each group) (⊕ the always-given part)."""

    def __init__(self, config: ModelConfig, stream: StreamConfig) -> None:
        masks = len(config.groups) if config.mask_channels else 0
        channels = 2 * config.motion_size + masks + config.given
        super().__init__(config, stream, channels, config.motion_size)
        self.mask_channels = config.mask_channels

    def embed(self, noisy: Tensor, known: Tensor, masked: Tensor, given: Tensor | None) -> Tensor:
        """Tokens (B, T_m, width) of motion (B, T_m, D), masks (B, T_m, G), given (B, T_m, R)."""
        mask = masked.to(noisy.dtype) if self.mask_channels else None
        return self.input_embed(join([noisy, known, mask, given]))  # type: ignore[no-any-return]
