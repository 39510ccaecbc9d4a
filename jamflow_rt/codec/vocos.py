"""Vocos: mel → waveform by a ConvNeXt backbone and an inverse STFT (`vocos-mel-24khz`).

The network of Siuzdak, "Vocos" (2023), whose published weights F5-TTS and JAM-Flow decode with.
A frame's spectrum looks 27 frames to each side, a sample at the spectra of four frames: so the
sound of a frame is final once 29 more are known, and a stream equals an offline run.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.beats import HOP, N_FFT, N_MELS
from jamflow_rt.codec.mel import unwhiten
from jamflow_rt.codec.vocoder import Floats
from jamflow_rt.codec.whitening import SILENCE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.weights.reading import load_strictly, read_tensors
from jamflow_rt.weights.recognising import instead

_LOUDEST = 1e2
"""Upper bound of a spectrum's magnitude (Vocos `heads.py`)."""
_OVERLAP = N_FFT // 2 // HOP
"""Frames to each side whose spectra a sample is added up from."""
_WINDOWS = 1.5
"""What the squared Hann windows that overlap at a sample add up to."""


class VocosShape(NamedTuple):
    """Sizes of the backbone."""

    width: int = 512
    hidden: int = 1536
    layers: int = 8


class _Block(nn.Module):
    """Depthwise convolution and a channel MLP (B, C, T); names as in Vocos."""

    def __init__(self, shape: VocosShape) -> None:
        super().__init__()
        width = shape.width
        self.dwconv = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, shape.hidden)
        self.pwconv2 = nn.Linear(shape.hidden, width)
        self.gamma = nn.Parameter(torch.full((width,), 1 / shape.layers))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).transpose(1, 2))
        y = self.gamma * self.pwconv2(functional.gelu(self.pwconv1(y)))
        return x + y.transpose(1, 2)  # type: ignore[no-any-return]


class _Backbone(nn.Module):
    def __init__(self, shape: VocosShape) -> None:
        super().__init__()
        self.embed = nn.Conv1d(N_MELS, shape.width, 7, padding=3)
        self.norm = nn.LayerNorm(shape.width, eps=1e-6)
        self.convnext = nn.ModuleList(_Block(shape) for _ in range(shape.layers))
        self.final_layer_norm = nn.LayerNorm(shape.width, eps=1e-6)

    def forward(self, mel: Tensor) -> Tensor:
        """(B, 100, T) → (B, T, width)."""
        x = self.norm(self.embed(mel).transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            x = block(x)
        return self.final_layer_norm(x.transpose(1, 2))  # type: ignore[no-any-return]


class _Head(nn.Module):
    def __init__(self, shape: VocosShape) -> None:
        super().__init__()
        self.out = nn.Linear(shape.width, N_FFT + 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, width) → complex spectra (B, T, 513)."""
        magnitude, phase = self.out(x).chunk(2, dim=-1)
        return torch.polar(magnitude.exp().clamp(max=_LOUDEST), phase)


class Vocos(nn.Module):
    """A `Vocoder` with Vocos's network (13.5 M parameters as published)."""

    window: Tensor

    def __init__(self, shape: VocosShape | None = None) -> None:
        super().__init__()
        shape = shape or VocosShape()
        self.backbone = _Backbone(shape)
        self.head = _Head(shape)
        self.reach = 3 * (1 + shape.layers)
        """Frames that a spectrum looks to each side."""
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    @property
    def right(self) -> int:
        """Mel frames of right context that make a frame's sound final."""
        return self.reach + _OVERLAP

    @property
    def left(self) -> int:
        """Mel frames of left context."""
        return self.reach + _OVERLAP - 1

    def forward(self, mel: Tensor) -> Tensor:
        """Spectra (B, T, 513) of log-mels (B, T, 100), not whitened; zeros lie around them."""
        return self.head(self.backbone(mel.transpose(1, 2)))  # type: ignore[no-any-return]

    def sound(self, spectra: Tensor) -> Tensor:
        """Sound ((T − 3)·256,) of spectra (T, 513): of all frames but the first and the last two.

        Each sample has all of its four spectra, so the windows add up to a constant.
        """
        pieces = torch.fft.irfft(spectra, N_FFT) * self.window
        length = (len(pieces) - 1) * HOP + N_FFT
        added = functional.fold(
            pieces.T[None], (1, length), kernel_size=(1, N_FFT), stride=(1, HOP)
        )[0, 0, 0]
        edge = N_FFT - HOP
        return added[edge : length - edge] / _WINDOWS

    @torch.inference_mode()
    def decode(self, mel: Floats) -> Floats:
        """Sound (T·256,) of a whole whitened mel (T, 100); silence is around it."""
        return self.stream().push(mel, np.zeros((0, N_MELS), np.float32))

    def stream(self) -> VocosStream:
        """A new stream, with silence behind it."""
        return VocosStream(self)

    def save(self, path: Path) -> None:
        """Write the weights as safetensors, in fp32."""
        save_file({k: v.contiguous() for k, v in self.state_dict().items()}, str(path))

    @classmethod
    def load(cls, path: str | Path, device: torch.device | str = "cpu") -> Vocos:
        """Read the published weights (`pytorch_model.bin`), or what `save` wrote.

        Raises:
            InvalidInput: the file is missing, damaged, or no Vocos of mels at 24 kHz.
        """
        # The window and the mel filters are in the published file too; ours are computed.
        skipped = ("feature_extractor.", "head.istft.")
        tensors = {k: v for k, v in read_tensors(path).items() if not k.startswith(skipped)}
        embed, expand = tensors.get("backbone.embed.weight"), "backbone.convnext.0.pwconv1.weight"
        if embed is None or expand not in tensors:
            raise InvalidInput(f"{path} is no Vocos: {instead(tensors)}.")
        layers = {name.split(".")[2] for name in tensors if ".convnext." in name}
        vocoder = cls(VocosShape(len(embed), len(tensors[expand]), len(layers)))
        load_strictly(vocoder, tensors, path)
        return vocoder.to(device).eval()


class VocosStream:
    """State of one stream: the last frames."""

    def __init__(self, vocoder: Vocos) -> None:
        self._vocoder = vocoder
        self._history = np.full((vocoder.left, N_MELS), SILENCE, np.float32)

    @torch.inference_mode()
    def push(self, mel: Floats, ahead: Floats) -> Floats:
        """See `VocoderStream.push`."""
        vocoder = self._vocoder
        if len(mel) == 0:
            return np.zeros(0, np.float32)
        following = ahead[: vocoder.right]
        missing = np.full((vocoder.right - len(following), N_MELS), SILENCE, np.float32)
        frames = np.concatenate([self._history, mel, following, missing]).astype(np.float32)
        self._history = frames[len(mel) : len(mel) + vocoder.left]
        known = unwhiten(torch.from_numpy(frames).to(vocoder.window.device))
        spectra = vocoder(known[None])[0, vocoder.reach : len(frames) - vocoder.reach]
        return np.asarray(vocoder.sound(spectra).cpu().numpy(), np.float32)
