"""Trains the shipped vocoder on teacher speech: the `vocoder` stage.

hibari synthesises from a pulse train itself, so its own f0, added up from the start of the
sentence, gives pulses in phase with the target; complex spectra can be compared, not magnitudes
alone. Kokoro's phase is its own, so its voices are compared in magnitudes and by the critics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from jamflow_rt.beats import HOP, SAMPLE_RATE
from jamflow_rt.codec.mel import log_mel
from jamflow_rt.codec.source import noise_table, pulse_train
from jamflow_rt.codec.vocoder import F0_MIN, HarmonicVocoder
from jamflow_rt.train.discriminators import (
    Discriminators,
    discriminator_loss,
    generator_loss,
)
from jamflow_rt.train.loop import Loop
from jamflow_rt.train.sound_data import Shard, open_shards, shard_shares
from jamflow_rt.train.teachers import F0_SAMPLES, VOICED_ABOVE

FRAMES = 56
# Frames at the crop's edges whose context is missing.
EDGE_LEFT, EDGE_RIGHT = 12, 4
IN_PHASE = ("heart",)
_RESOLUTIONS = (256, 512, 1024, 2048)
# Hz above which even hibari's phase cannot be known from pulses: measured coherence of a trained
# vocoder with its teacher is 0.9 below 1 kHz, 0.5 at 3 kHz and 0.05 above 4 kHz.
_PHASE_BELOW = 3000


@dataclass(frozen=True)
class VocoderRecipe:
    """The numbers of this stage."""

    steps: int = 8300
    batch: int = 8
    adversarial_from: float = 0.2
    learning_rate: float = 4e-4
    mel_noise: float = 0.04
    judged: int = 4
    """Crops of a batch that the critics judge: they cost more than everything else."""


def _crops(shards: list[Shard], batch: int, seed: int) -> Iterator[tuple[Tensor, ...]]:
    """Mel, sound, pulses, f0, voicing and in-phase of random crops, forever."""
    random = np.random.default_rng(seed)
    shares = shard_shares(shards)
    while True:
        rows: list[tuple[np.ndarray, ...]] = []
        while len(rows) < batch:
            shard = shards[random.choice(len(shards), p=shares)]
            index = int(random.integers(shard.utterances))
            begin, end = shard.mel_offsets[index], shard.mel_offsets[index + 1]
            if end - begin < FRAMES + 20:
                continue
            start = int(random.integers(end - begin - FRAMES))
            rows.append(_crop(shard, index, start))
        yield tuple(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))


def _crop(shard: Shard, index: int, start: int) -> tuple[np.ndarray, ...]:
    begin = int(shard.mel_offsets[index])
    f0 = shard.f0_of(index)
    place = (np.arange((start + FRAMES) * HOP) + 0.5) / F0_SAMPLES - 0.5
    pitch = np.interp(place, np.arange(len(f0)), f0)
    steps = np.maximum(pitch, VOICED_ABOVE) / SAMPLE_RATE
    phase = np.cumsum(steps)[start * HOP :] % 1.0
    pitch = pitch[start * HOP :]
    pulses = pulse_train(
        torch.from_numpy(phase), torch.from_numpy(np.maximum(pitch, VOICED_ABOVE))
    ).numpy()
    voiced = pitch > VOICED_ABOVE
    first = begin + start
    return (
        shard.mel[first : first + FRAMES].astype(np.float32),
        shard.sound[first * HOP : (first + FRAMES) * HOP].astype(np.float32) / 32767,
        (pulses * voiced).astype(np.float32),
        pitch[::HOP].astype(np.float32),
        voiced[::HOP].astype(np.float32),
        np.array(shard.voice in IN_PHASE, np.float32),
    )


def _compressed(sound: Tensor, n_fft: int) -> tuple[Tensor, Tensor]:
    window = torch.hann_window(n_fft)
    spectrum = torch.stft(sound, n_fft, n_fft // 4, window=window, return_complex=True)
    size = spectrum.abs().clamp(min=1e-5)
    return size.log(), spectrum * size**-0.5


def spectral_losses(made: Tensor, real: Tensor, in_phase: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log-mel L1; over four resolutions log-magnitude L1 and, below 3 kHz, complex L1.

    Args:
        made: (B, N) sound.
        real: (B, N) sound.
        in_phase: (B,) 1 where complex spectra can be compared, else 0.
    """
    mel = (log_mel(made) - log_mel(real)).abs().mean()
    sizes, waves = [], []
    for n_fft in _RESOLUTIONS:
        (log_m, complex_m), (log_r, complex_r) = _compressed(made, n_fft), _compressed(real, n_fft)
        sizes.append((log_m - log_r).abs().mean())
        low = slice(n_fft * _PHASE_BELOW // SAMPLE_RATE)
        error = (complex_m[:, low] - complex_r[:, low]).abs().mean((1, 2))
        error = error / complex_r[:, low].abs().mean()
        waves.append((error * in_phase).sum() / in_phase.sum().clamp(min=1))
    return mel, torch.stack(sizes).mean(), torch.stack(waves).mean()


def train_vocoder(corpus: Path, work: Path, weights: Path, recipe: VocoderRecipe) -> None:
    """Train (or resume) the vocoder and write its weights.

    Args:
        corpus: folder of `build_corpus`.
        work: folder for the checkpoint and the loss curve.
        weights: safetensors file to write at every checkpoint.
        recipe: the numbers.
    """
    torch.manual_seed(0)
    vocoder, critics = HarmonicVocoder(), Discriminators()
    rate = recipe.learning_rate
    optimiser = torch.optim.AdamW(vocoder.parameters(), rate, betas=(0.8, 0.99), weight_decay=0.01)
    critic_optimiser = torch.optim.AdamW(critics.parameters(), 3e-4, betas=(0.8, 0.99))
    loop = Loop(
        work,
        {"vocoder": vocoder, "critics": critics, "a": optimiser, "b": critic_optimiser},
        recipe.steps,
    )
    crops = _crops(open_shards(corpus), recipe.batch, seed=loop.step)
    noise = noise_table()
    adversarial_from = int(recipe.steps * recipe.adversarial_from)
    inside = slice(EDGE_LEFT * HOP, (FRAMES - EDGE_RIGHT) * HOP)

    def one_step(step: int) -> dict[str, float]:
        left = 1 - step / recipe.steps
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 200) * min(1.0, left / 0.5 + 0.02)
        mel, real, pulses, f0, voiced, in_phase = next(crops)
        mel = mel + recipe.mel_noise * torch.rand(len(mel), 1, 1) * torch.randn_like(mel)
        rows = torch.randint(len(noise), (len(mel), FRAMES))
        predicted, voicing = vocoder.pitch(mel)
        made = vocoder.filter_sources(mel, pulses, noise[rows].flatten(1))
        made, real = made[:, inside], real[:, inside]
        mel_loss, size_loss, wave_loss = spectral_losses(made, real, in_phase)
        distance = (predicted.log() - f0.clamp(F0_MIN).log()).abs()
        pitch_loss = (distance * voiced).sum() / voiced.sum().clamp(min=1)
        voicing_loss = functional.binary_cross_entropy_with_logits(voicing, voiced)
        loss = 4 * mel_loss + size_loss + wave_loss + 5 * pitch_loss + voicing_loss
        losses = {"mel": mel_loss, "size": size_loss, "wave": wave_loss}
        losses |= {"pitch": pitch_loss, "voicing": voicing_loss}
        if step >= adversarial_from:
            heard = made[: recipe.judged]
            truth, judged = critics(real[: recipe.judged]), critics(heard.detach())
            critic_loss = discriminator_loss(truth, judged)
            critic_optimiser.zero_grad()
            critic_loss.backward()  # type: ignore[no-untyped-call]
            # The vocoder is judged by the same critics, which do not learn from it.
            critics.requires_grad_(False)
            hinge, match = generator_loss(truth, critics(heard))
            critics.requires_grad_(True)
            critic_optimiser.step()
            loss = loss + hinge + 2 * match
            losses |= {"critic": critic_loss, "hinge": hinge, "match": match}
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(vocoder.parameters(), 1.0)
        optimiser.step()
        return {name: value.item() for name, value in losses.items()}

    loop.run(one_step, on_checkpoint=lambda: vocoder.save(weights))
