"""Text features on the mel's time axis, in both ways the configurations know."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jamflow_rt.config import TextConfig
from jamflow_rt.model.layers import ConvNeXtV2Block


class PhonemeText(nn.Module):
    """One phoneme id a mel frame, expanded by durations (as Voicebox aligns its text).

    Features depend on a few frames to each side only, so a window can be cut anywhere.
    """

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.text_embed = nn.Embedding(config.vocab, config.width)
        self.text_blocks = nn.ModuleList(
            ConvNeXtV2Block(config.width, config.width * config.expansion, global_norm=False)
            for _ in range(config.layers)
        )

    def forward(self, ids: Tensor, dropped: Tensor | None = None) -> Tensor:
        """(B, T) ids → (B, T, width); rows where `dropped` (B,) is True become zeros."""
        x: Tensor = self.text_embed(ids)
        for block in self.text_blocks:
            x = block(x)
        return x if dropped is None else x.masked_fill(dropped[:, None, None], 0.0)


class CharacterText(nn.Module):
    """F5-TTS's text: characters first, filler after, refined by ConvNeXt V2 (TextEmbedding).

    Id 0 is filler and may stand anywhere: characters are moved to the front, in their order. With
    `mask_filler` its places are zero between the blocks.
    """

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.text_embed = nn.Embedding(config.vocab + 1, config.width)
        self.text_blocks = nn.ModuleList(
            ConvNeXtV2Block(config.width, config.width * config.expansion, global_norm=True)
            for _ in range(config.layers)
        )
        self.width = config.width
        self.mask_filler = config.mask_filler

    def forward(self, ids: Tensor, dropped: Tensor | None = None) -> Tensor:
        """(B, T) ids, 0 for filler → (B, T, width).

        Rows where `dropped` (B,) is True are read as filler; as in F5-TTS, they still show how
        many characters there were, where filler is masked.
        """
        order = (ids == 0).int().argsort(dim=1, stable=True)
        ids = ids.gather(1, order)
        masked = (ids == 0)[..., None] & self.mask_filler
        if dropped is not None:
            ids = ids.masked_fill(dropped[:, None], 0)
        x: Tensor = self.text_embed(ids) + self._positions(ids.shape[1], ids.device)
        x = x.masked_fill(masked, 0.0)
        for block in self.text_blocks:
            x = block(x).masked_fill(masked, 0.0)
        return x

    def _positions(self, frames: int, device: torch.device) -> Tensor:
        exponents = torch.arange(0, self.width, 2, device=device)[: self.width // 2].float()
        angles = torch.arange(frames, device=device).float()[:, None] * (
            1.0 / 10_000.0 ** (exponents / self.width)
        )
        return torch.cat([angles.cos(), angles.sin()], dim=-1)


def text_embedding(config: TextConfig) -> PhonemeText | CharacterText:
    """The text embedding that a configuration asks for."""
    return PhonemeText(config) if config.kind == "phonemes" else CharacterText(config)
