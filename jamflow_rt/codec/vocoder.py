"""Mel → waveform: a small harmonic-plus-noise vocoder with an inverse STFT at its end.

A pitch network reads f0 and voicing from the mel; a filter network reads complex filters; the
STFTs of a pulse train and of noise pass the filters and are overlap-added. All convolutions look
only one frame ahead, so the sound of a frame is final once 10 more frames are known, and a stream
equals an offline run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.beats import HOP, N_FFT, N_MELS
from jamflow_rt.codec.mel import SILENCE
from jamflow_rt.codec.source import advance_phase, noise_table, per_sample, pulse_train

Floats = NDArray[np.float32]

_BINS = N_FFT // 2 + 1
_KERNEL, _LEFT, _RIGHT = 7, 5, 1
F0_MIN, F0_MAX = 60.0, 500.0
# The frames that follow a piece are generated anew with the next one and come out a little
# different; the pieces are blended over the first frame, or one would hear the seam.
_RISE = (0.5 - 0.5 * np.cos(np.pi * (np.arange(HOP) + 0.5) / HOP)).astype(np.float32)


class VocoderStream(Protocol):
    """Decodes a mel piece by piece; keeps the left context itself."""

    def push(self, mel: Floats, ahead: Floats) -> Floats:
        """Sound (n·256,) of whitened mel frames (n, 100), exactly as offline decoding gives it.

        Args:
            mel: (n, 100) the next frames.
            ahead: (m, 100) frames that will follow; what lacks of `right` is taken as silence.
        """
        ...


class Vocoder(Protocol):
    """What turns mels into sound, whatever network is inside."""

    @property
    def right(self) -> int:
        """Mel frames of right context that make a frame's sound final."""
        ...

    def decode(self, mel: Floats) -> Floats:
        """Sound (T·256,) of a whole whitened mel (T, 100); silence is around it."""
        ...

    def stream(self) -> VocoderStream:
        """A new stream, with silence behind it."""
        ...


class _Conv(nn.Module):
    """A convolution that sees 5 frames back and 1 ahead; (B, C, T)."""

    def __init__(self, inputs: int, outputs: int, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, _KERNEL, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x, (_LEFT, _RIGHT)))  # type: ignore[no-any-return]


class _ConvNeXt(nn.Module):
    """Depthwise convolution and a channel MLP (Vocos's block, with the asymmetric kernel)."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.depthwise = _Conv(width, width, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.enter = nn.Linear(width, 3 * width)
        self.leave = nn.Linear(3 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1.0 / layers))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).transpose(1, 2))
        y = self.gamma * self.leave(functional.gelu(self.enter(y)))
        return x + y.transpose(1, 2)  # type: ignore[no-any-return]


class _Backbone(nn.Module):
    """(B, 100, T) → (B, T, out)."""

    def __init__(self, width: int, layers: int, out: int) -> None:
        super().__init__()
        self.embed = _Conv(N_MELS, width)
        self.enter_norm = nn.LayerNorm(width, eps=1e-6)
        self.layers = nn.ModuleList(_ConvNeXt(width, layers) for _ in range(layers))
        self.leave_norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, out)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.enter_norm(self.embed(mel).transpose(1, 2)).transpose(1, 2)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.leave_norm(x.transpose(1, 2)))  # type: ignore[no-any-return]


class HarmonicVocoder(nn.Module):
    """The shipped vocoder (3.6 M parameters)."""

    window: Tensor
    noise: Tensor

    PITCH_LAYERS, FILTER_LAYERS = 3, 6

    def __init__(self, width: int = 256, pitch_width: int = 128) -> None:
        super().__init__()
        self.pitch_net = _Backbone(pitch_width, self.PITCH_LAYERS, 2)
        self.filter_net = _Backbone(width, self.FILTER_LAYERS, 3 * _BINS)
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        self.register_buffer("noise", noise_table(), persistent=False)

    @property
    def right(self) -> int:
        """Overlap-add needs two frames more, and their filters one a layer and the embedding.

        One more, since a stream blends each piece into the next over a frame.
        """
        return 2 + 1 + self.FILTER_LAYERS + 1

    @property
    def left(self) -> int:
        """Frames of history after which nothing earlier matters, pitch phase excepted."""
        return 4 + (1 + self.FILTER_LAYERS) * _LEFT

    @property
    def pitch_dtype(self) -> torch.dtype:
        """Double once loaded: pitch adds up to phase, and must not depend on how a mel was cut."""
        return self.pitch_net.head.weight.dtype

    def pitch(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """f0 in Hz and voicing logit, each (B, T), of whitened mels (B, T, 100)."""
        out = self.pitch_net(mel.transpose(1, 2))
        log_range = np.log(F0_MAX / F0_MIN)
        return F0_MIN * torch.exp(out[..., 0].sigmoid() * log_range), out[..., 1]

    def filter_sources(self, mel: Tensor, pulses: Tensor, noise: Tensor) -> Tensor:
        """Sound (B, T·256) from whitened mels and the two sources (B, T·256).

        The source's and the sound's sample 256·n lie at frame n; both ends are cut off where
        frames are missing, so only frames well inside are meaningful.
        """
        magnitude_h, phase, magnitude_n = self.filter_net(mel.transpose(1, 2)).float().chunk(3, -1)
        length = mel.shape[1] * HOP
        spectra = [
            torch.stft(
                functional.pad(source, (N_FFT // 2, N_FFT // 2 - HOP)),
                N_FFT,
                HOP,
                window=self.window,
                center=False,
                return_complex=True,
            ).transpose(1, 2)
            for source in (pulses, noise)
        ]
        filters_h = torch.polar(magnitude_h.clamp(max=5.0).exp(), phase)
        spectrum = spectra[0] * filters_h + spectra[1] * magnitude_n.clamp(max=5.0).exp()
        return torch.istft(
            functional.pad(spectrum.transpose(1, 2), (0, 1)),
            N_FFT,
            HOP,
            window=self.window,
            center=True,
            length=length,
        )

    @torch.inference_mode()
    def decode(self, mel: Floats) -> Floats:
        """Sound (T·256,) of a whole whitened mel (T, 100); silence is around it."""
        return self.stream().push(mel, np.zeros((0, N_MELS), np.float32))

    def stream(self) -> HarmonicStream:
        """A new stream, with silence behind it."""
        return HarmonicStream(self)

    def save(self, path: Path) -> None:
        """Write the weights as fp16 safetensors."""
        save_file({k: v.half().contiguous() for k, v in self.state_dict().items()}, str(path))

    @classmethod
    def load(cls, path: Path) -> HarmonicVocoder:
        """Read weights that `save` wrote."""
        vocoder = cls()
        vocoder.load_state_dict({k: v.float() for k, v in load_file(str(path)).items()})
        vocoder.pitch_net.double()
        return vocoder.eval()


class HarmonicStream:
    """State of one stream: the last frames, and the pitch phase among them."""

    def __init__(self, vocoder: HarmonicVocoder) -> None:
        self._vocoder = vocoder
        history = vocoder.left + 2 * _LEFT
        self._history = torch.full((history, N_MELS), SILENCE)
        # Phase is kept where both the filters' and the sources' reach begins.
        self._anchor = history - 4
        self._phase = 0.0
        self._frame = 0
        # How the last piece would have gone on, had the frames that followed it come true.
        self._onward: Floats | None = None

    @torch.inference_mode()
    def push(self, mel: Floats, ahead: Floats) -> Floats:
        """See `VocoderStream.push`."""
        vocoder, new = self._vocoder, len(mel)
        if new == 0:
            return np.zeros(0, np.float32)
        right = vocoder.right
        following = torch.from_numpy(ahead[:right])
        missing = torch.full((right - len(following), N_MELS), SILENCE)
        frames = torch.cat([self._history, torch.from_numpy(mel), following, missing])
        old, anchor = len(self._history), self._anchor

        f0, voicing = vocoder.pitch(frames[None].to(vocoder.pitch_dtype))
        f0_samples = per_sample(f0[0, anchor:].double())
        phase = advance_phase(f0_samples, self._phase)
        loudness = per_sample(voicing[0, anchor:].sigmoid())
        pulses = (pulse_train(phase, f0_samples) * loudness).float()

        first = self._frame - old + anchor
        rows = torch.arange(first, first + len(frames) - anchor - 1) % len(vocoder.noise)
        noise = vocoder.noise[rows].flatten()

        # The sources begin at the anchor; earlier frames serve the filters' context only.
        lead = torch.zeros(anchor * HOP)
        tail = torch.zeros(HOP)
        sound = vocoder.filter_sources(
            frames[None],
            torch.cat([lead, pulses, tail])[None],
            torch.cat([lead, noise, tail])[None],
        )[0]
        self._phase = float(phase[new * HOP])
        self._history = frames[new : new + old].clone()
        self._frame += new
        piece = sound[old * HOP : (old + new) * HOP].numpy()
        if self._onward is not None:
            piece = piece.copy()
            piece[:HOP] = self._onward + _RISE * (piece[:HOP] - self._onward)
        self._onward = sound[(old + new) * HOP : (old + new + 1) * HOP].numpy()
        return piece
