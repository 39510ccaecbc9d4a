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
from jamflow_rt.codec.source import advance_phase, noise_table, per_sample, pulse_train
from jamflow_rt.codec.whitening import SILENCE

Floats = NDArray[np.float32]

_BINS = N_FFT // 2 + 1
_KERNEL, _LEFT, _RIGHT = 7, 5, 1
_OVERLAP, _SPECTRUM = 2, 2
"""Frames to each side whose spectra a sample is added up from, and that a spectrum looks at."""
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
    """A convolution (B, T, C) → (B, T − 6, C) that sees 5 frames back and 1 ahead."""

    def __init__(self, inputs: int, outputs: int, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, _KERNEL, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        if self.conv.groups == x.shape[-1] and not torch.is_grad_enabled():
            return self._each_channel(x)
        return self.conv(x.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]

    def _each_channel(self, x: Tensor) -> Tensor:
        """Sum up shifted copies: torch convolves doubles channel by channel, ten times slower."""
        taps, bias = self.conv.weight[:, 0].T, self.conv.bias
        assert bias is not None
        length = x.shape[1] - _KERNEL + 1
        y = torch.addcmul(bias, x[:, :length], taps[0])
        for shift in range(1, _KERNEL):
            y.addcmul_(x[:, shift : shift + length], taps[shift])
        return y


def _padded(x: Tensor) -> Tensor:
    """Zeros around (B, T, C), so that a convolution gives T frames."""
    return functional.pad(x, (0, 0, _LEFT, _RIGHT))


class _ConvNeXt(nn.Module):
    """Depthwise convolution and a channel MLP (Vocos's block, with the asymmetric kernel)."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.depthwise = _Conv(width, width, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.enter = nn.Linear(width, 3 * width)
        self.leave = nn.Linear(3 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1.0 / layers))

    def forward(self, x: Tensor, inner: bool) -> Tensor:
        y = self.norm(self.depthwise(x if inner else _padded(x)))
        y = self.gamma * self.leave(functional.gelu(self.enter(y)))
        return (x[:, _LEFT:-_RIGHT] if inner else x) + y  # type: ignore[no-any-return]


class _Backbone(nn.Module):
    """(B, T, 100) → (B, T, out), or only the frames whose whole context is there (`inner`).

    Those begin `reach` frames after the first; each layer then computes what the next one needs.
    """

    def __init__(self, width: int, layers: int, out: int) -> None:
        super().__init__()
        self.embed = _Conv(N_MELS, width)
        self.enter_norm = nn.LayerNorm(width, eps=1e-6)
        self.layers = nn.ModuleList(_ConvNeXt(width, layers) for _ in range(layers))
        self.leave_norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, out)

    @property
    def reach(self) -> int:
        """Frames that it looks back."""
        return (1 + len(self.layers)) * _LEFT

    @property
    def outlook(self) -> int:
        """Frames that it looks ahead."""
        return (1 + len(self.layers)) * _RIGHT

    def forward(self, mel: Tensor, inner: bool = False) -> Tensor:
        x = self.enter_norm(self.embed(mel if inner else _padded(mel)))
        for layer in self.layers:
            x = layer(x, inner)
        return self.head(self.leave_norm(x))  # type: ignore[no-any-return]


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
        filters = _OVERLAP + self.filter_net.reach
        return max(filters, _OVERLAP + _SPECTRUM + self.pitch_net.reach)

    @property
    def pitch_dtype(self) -> torch.dtype:
        """Double once loaded: pitch adds up to phase, and must not depend on how a mel was cut."""
        return self.pitch_net.head.weight.dtype

    def pitch(self, mel: Tensor, inner: bool = False) -> tuple[Tensor, Tensor]:
        """f0 in Hz and voicing logit, each (B, T), of whitened mels (B, T, 100).

        With `inner` only of those frames whose context is in `mel`: 20 less before, 4 after.
        """
        out = self.pitch_net(mel, inner)
        log_range = np.log(F0_MAX / F0_MIN)
        return F0_MIN * torch.exp(out[..., 0].sigmoid() * log_range), out[..., 1]

    def filter_sources(self, mel: Tensor, pulses: Tensor, noise: Tensor) -> Tensor:
        """Sound (B, T·256) from whitened mels and the two sources (B, T·256).

        The source's and the sound's sample 256·n lie at frame n; both ends are cut off where
        frames are missing, so only frames well inside are meaningful.
        """
        spectrum = self._filter(
            self.filter_net(mel),
            *(functional.pad(source, (N_FFT // 2, N_FFT // 2 - HOP)) for source in (pulses, noise)),
        )
        return self._overlap_add(functional.pad(spectrum, (0, 1)), mel.shape[1] * HOP)

    def filter_inner(self, mel: Tensor, pulses: Tensor, noise: Tensor) -> Tensor:
        """Sound (B, N·256) of the frames that have all their context, and of nothing else.

        Args:
            mel: (B, N + 46, 100): 37 frames before the sound, 9 after.
            pulses: (B, (N + 7)·256): 4 frames before the sound, 3 after.
            noise: as `pulses`.
        """
        spectrum = self._filter(self.filter_net(mel, inner=True), pulses, noise)
        frames = spectrum.shape[-1] - 2 * _OVERLAP
        return self._overlap_add(spectrum, (_OVERLAP + frames) * HOP)[:, _OVERLAP * HOP :]

    def _filter(self, filters: Tensor, pulses: Tensor, noise: Tensor) -> Tensor:
        """Spectra (B, 513, T) of the sources (B, (T + 3)·256) through filters (B, T, 3 · 513)."""
        magnitude_h, phase, magnitude_n = filters.float().chunk(3, -1)
        spectra = [
            torch.stft(
                source, N_FFT, HOP, window=self.window, center=False, return_complex=True
            ).transpose(1, 2)
            for source in (pulses, noise)
        ]
        filters_h = torch.polar(magnitude_h.clamp(max=5.0).exp(), phase)
        spectrum = spectra[0] * filters_h + spectra[1] * magnitude_n.clamp(max=5.0).exp()
        return spectrum.transpose(1, 2)

    def _overlap_add(self, spectrum: Tensor, length: int) -> Tensor:
        return torch.istft(spectrum, N_FFT, HOP, window=self.window, center=True, length=length)

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
        self._history = torch.full((vocoder.left, N_MELS), SILENCE)
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
        old = len(self._history)
        # What is computed: the new frames, and one more to go on from with the next piece.
        made = new + 1
        # Phase is kept where the sources' reach begins.
        anchor = old - _OVERLAP - _SPECTRUM
        sources = _OVERLAP + _SPECTRUM + made + _OVERLAP + _SPECTRUM - 1

        first = anchor - vocoder.pitch_net.reach
        last = anchor + sources + 1 + vocoder.pitch_net.outlook
        mels = frames[None, first:last].to(vocoder.pitch_dtype)
        f0, voicing = vocoder.pitch(mels, inner=True)
        f0_samples = per_sample(f0[0].double())
        phase = advance_phase(f0_samples, self._phase)
        pulses = (pulse_train(phase, f0_samples) * per_sample(voicing[0].sigmoid())).float()

        first = self._frame - _OVERLAP - _SPECTRUM
        rows = torch.arange(first, first + sources) % len(vocoder.noise)

        first = old - _OVERLAP - vocoder.filter_net.reach
        last = old + made + _OVERLAP + vocoder.filter_net.outlook
        sound = vocoder.filter_inner(
            frames[None, first:last], pulses[None], vocoder.noise[rows].flatten()[None]
        )[0]
        self._phase = float(phase[new * HOP])
        self._history = frames[new : new + old].clone()
        self._frame += new
        piece = sound[: new * HOP].numpy()
        if self._onward is not None:
            piece = piece.copy()
            piece[:HOP] = self._onward + _RISE * (piece[:HOP] - self._onward)
        self._onward = sound[new * HOP :].numpy()
        return piece
