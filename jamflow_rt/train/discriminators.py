"""Spectrogram discriminators for the vocoder (multi-resolution, as in UnivNet and Vocos)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

Features = list[Tensor]


class SpectrogramDiscriminator(nn.Module):
    """Judges the magnitudes of one resolution.

    Not the complex spectrogram as in Vocos: the phase is the source's, the mel does not tell it,
    and a vocoder that is asked for it anyway only gets quieter.
    """

    window: Tensor

    def __init__(self, n_fft: int, channels: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        sizes = [1, channels, channels, 2 * channels, 2 * channels]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (3, 9), stride=(1, 2), padding=(1, 4)))
            for a, b in zip(sizes, sizes[1:], strict=False)
        )
        self.last = weight_norm(nn.Conv2d(sizes[-1], 1, (3, 3), padding=1))

    def forward(self, sound: Tensor) -> tuple[Tensor, Features]:
        """(B, N) → scores, and the features of every layer."""
        spectrum = torch.stft(
            sound, self.n_fft, self.n_fft // 4, window=self.window, return_complex=True
        )
        # Compressed, since loudness spans many decades.
        x = (spectrum.abs() + 1e-3).pow(0.3).transpose(1, 2).unsqueeze(1)
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.1)
            features.append(x)
        return self.last(x), features


class Discriminators(nn.Module):
    """Several resolutions at once."""

    def __init__(self, sizes: tuple[int, ...] = (2048, 1024, 512), channels: int = 12) -> None:
        super().__init__()
        self.parts = nn.ModuleList(SpectrogramDiscriminator(n, channels) for n in sizes)

    def forward(self, sound: Tensor) -> list[tuple[Tensor, Features]]:
        """Scores and features of each resolution."""
        return [part(sound) for part in self.parts]


def discriminator_loss(
    real: list[tuple[Tensor, Features]], made: list[tuple[Tensor, Features]]
) -> Tensor:
    """Hinge loss of the discriminators."""
    terms = [
        functional.relu(1 - r).mean() + functional.relu(1 + m).mean()
        for (r, _), (m, _) in zip(real, made, strict=True)
    ]
    return torch.stack(terms).mean()


def generator_loss(
    real: list[tuple[Tensor, Features]], made: list[tuple[Tensor, Features]]
) -> tuple[Tensor, Tensor]:
    """Hinge loss of the generator, and the distance of the features."""
    hinge = torch.stack([functional.relu(1 - m).mean() for m, _ in made]).mean()
    match = torch.stack(
        [
            (a.detach() - b).abs().mean() / (a.detach().abs().mean() + 1e-6)
            for (_, fr), (_, fm) in zip(real, made, strict=True)
            for a, b in zip(fr, fm, strict=True)
        ]
    ).mean()
    return hinge, match
