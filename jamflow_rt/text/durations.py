"""How long each phoneme lasts: a small convolutional network, trained on a teacher's durations.

The network predicts x = log(1 + frames). Trained with `duration_loss`, the expected value of
frames is learned, not that of its logarithm, so that totals are right on average; the mean of
logarithms would speak too fast.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.config import StrictModel
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.phonemes import PUNCTUATION, VOCABULARY_SIZE, vocabulary

_LONGEST: Final = 5.2
"""log(1 + frames) of the longest phoneme."""


class DurationConfig(StrictModel):
    """Size of the network."""

    vocab: int = Field(default=VOCABULARY_SIZE, ge=1)
    voices: int = Field(default=0, ge=0)
    """Rows of the table of voices; row 0, which always is there, is nobody in particular."""
    width: int = Field(default=128, ge=1)
    expansion: int = Field(default=3, ge=1)
    kernel: int = Field(default=7, ge=1)
    dilations: tuple[int, ...] = (1, 2, 4, 1)
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)


class _Block(nn.Module):
    """ConvNeXt block: depthwise convolution over time, then an MLP at each place."""

    def __init__(self, config: DurationConfig, dilation: int) -> None:
        super().__init__()
        width = config.width
        self.conv = nn.Conv1d(
            width, width, config.kernel, padding="same", dilation=dilation, groups=width
        )
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, width * config.expansion)
        self.down = nn.Linear(width * config.expansion, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Features (B, N, width) and mask (B, N, 1) → features."""
        y = self.conv((x * mask).transpose(1, 2)).transpose(1, 2)
        y = self.down(functional.gelu(self.up(self.norm(y))))
        return x + cast(Tensor, self.dropout(y))


class DurationPredictor(nn.Module):
    """Phoneme ids → log(1 + mel frames)."""

    def __init__(self, config: DurationConfig | None = None) -> None:
        super().__init__()
        self.config = config or DurationConfig()
        width = self.config.width
        self.embedding = nn.Embedding(self.config.vocab, width)
        self.voices: nn.Embedding | None = None
        if self.config.voices:
            self.voices = nn.Embedding(self.config.voices + 1, width)
        self.blocks = nn.ModuleList(_Block(self.config, d) for d in self.config.dilations)
        self.whole = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 1)
        self.eval()  # dropout is for training alone

    def forward(self, ids: Tensor, lengths: Tensor, voice: Tensor | None = None) -> Tensor:
        """Predicted log(1 + frames), at least 0.

        Args:
            ids: (B, N) long; a sentence has a 0 before and after it.
            lengths: (B,) how many ids of each row count; the rest is padding.
            voice: (B,) rows of the table of voices.

        Returns:
            (B, N); padding is 0.
        """
        places = torch.arange(ids.shape[1], device=ids.device)
        mask = (places < lengths[:, None]).unsqueeze(-1).to(self.out.weight.dtype)
        x = self.embedding(ids)
        if self.voices is not None:
            voice = torch.zeros_like(lengths) if voice is None else voice
            x = x + self.voices(voice)[:, None]
        middle = len(self.blocks) // 2
        for index, block in enumerate(self.blocks):
            if index == middle:  # what kind of sentence this is, for all its phonemes
                mean = (x * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)
                x = x + functional.gelu(self.whole(mean))
            x = block(x, mask)
        raw = self.out(self.norm(x))
        return (functional.softplus(raw) * mask).squeeze(-1)

    @torch.inference_mode()
    def frames(self, ids: Sequence[int], speed: float = 1.0, voice: int = 0) -> list[int]:
        """Mel frames of each phoneme of one sentence.

        What rounding takes from one phoneme the next one gets, so totals stay right; every
        phoneme that is a sound of its own gets at least one frame.

        Args:
            ids: phoneme ids with a leading and a trailing 0.
            speed: 2 is twice as fast.
            voice: row of the table of voices.

        Raises:
            InvalidInput: `speed` is outside 0.25…4, or an id or the voice is unknown.
        """
        if not 0.25 <= speed <= 4.0:
            raise InvalidInput(f"Speed {speed!r} is outside 0.25…4; 1 is normal.")
        if not ids:
            return []
        if not 0 <= min(ids) <= max(ids) < self.config.vocab:
            raise InvalidInput(f"Phoneme ids run from 0 to {self.config.vocab - 1}, not {ids!r}.")
        if not 0 <= voice <= self.config.voices:
            raise InvalidInput(f"Voices run from 0 to {self.config.voices}, not {voice}.")
        device = self.out.weight.device
        row = torch.tensor([list(ids)], dtype=torch.long, device=device)
        lengths = torch.tensor([len(ids)], device=device)
        logs = self(row, lengths, torch.tensor([voice], device=device))[0]
        # No sound lasts longer than about 2 s, whatever a network says of unheard-of input.
        wanted: list[float] = (torch.expm1(logs.float().clamp(max=_LONGEST)) / speed).tolist()
        silent = {vocabulary()[symbol] for symbol in PUNCTUATION | set("ˈˌ")} | {0}
        frames, rest = [], 0.0
        for index, exact in zip(ids, wanted, strict=True):
            count = max(round(exact + rest), 0 if index in silent else 1)
            rest += exact - count
            frames.append(count)
        return frames

    def save(self, path: Path) -> None:
        """Write weights (half precision) and config as one safetensors file."""
        tensors = {name: t.detach().half().contiguous() for name, t in self.state_dict().items()}
        save_file(tensors, str(path), metadata={"config": self.config.model_dump_json()})

    @classmethod
    def load(cls, path: Path) -> DurationPredictor:
        """Read what `save` wrote, ready for inference in single precision.

        Raises:
            InvalidInput: the file is missing or is no duration predictor.
        """
        try:
            with safe_open(str(path), framework="pt") as file:
                config = DurationConfig(**json.loads((file.metadata() or {})["config"]))
                tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            predictor = cls(config)
            predictor.load_state_dict(tensors)
        except (OSError, SafetensorError, KeyError, ValidationError, RuntimeError) as error:
            raise InvalidInput(f"{path} is no duration predictor: {error}") from error
        return predictor.eval()


def duration_loss(logs: Tensor, frames: Tensor, lengths: Tensor) -> Tensor:
    """Gamma negative log-likelihood of 1 + frames with mean exp(logs), averaged over phonemes.

    Its errors are relative, as for a loss on logarithms, but its optimum is the mean duration.

    Args:
        logs: (B, N) predicted log(1 + frames).
        frames: (B, N) mel frames, fractions allowed.
        lengths: (B,) phonemes that count.
    """
    mask = torch.arange(logs.shape[1], device=logs.device) < lengths[:, None]
    loss = (1 + frames) * torch.exp(-logs) + logs - 1 - torch.log1p(frames)
    return (loss * mask).sum() / mask.sum()
