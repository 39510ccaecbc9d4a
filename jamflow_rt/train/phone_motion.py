"""Timed phonemes → mouth motion: gives teacher sentences a face, learned on real video.

Nobody filmed the teacher. A small convolutional network learns from GRID how the mouth moves for
a sequence of timed phonemes (as articulations, see `articulation`) and then says the teacher's
sentences with that mouth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.train.articulation import BILABIALS, FEATURES, SILENT, describe
from jamflow_rt.train.forced_alignment import TimedPhone

Floats = NDArray[np.float32]

OVERSAMPLING = 4
"""Articulations are sampled at 100 Hz, four to a motion frame."""
_RATE = MOTION_RATE * OVERSAMPLING

# How near (cm, eye corners 8.8 apart) the inner lips are while a bilabial is held.
_CLOSED_GAP = 0.03
_INNER_LIPS = ((13, 14), (82, 87), (312, 317))


def articulation_track(phones: Sequence[TimedPhone], frames: int) -> Floats:
    """Articulations (4·frames, F + 1): features of the phone at each moment and how far it is."""
    track = np.tile(np.append(SILENT, 0.0).astype(np.float32), (frames * OVERSAMPLING, 1))
    for phone in phones:
        articulation = describe(phone.symbol) if phone.symbol else None
        first, last = round(phone.start * _RATE), round(phone.end * _RATE)
        first, last = max(first, 0), min(last, len(track))
        if articulation is None or last <= first:
            continue
        # A diphthong moves from its first vowel to its second.
        progress = (np.arange(first, last) + 0.5) / _RATE
        progress = (progress - phone.start) / (phone.end - phone.start)
        track[first:last, :-1] = articulation
        track[first:last, -1] = progress
    return track


class PhoneToMotion(nn.Module):
    """Dilated convolutions over articulations at 100 Hz, mouth latents at 25 Hz."""

    def __init__(self, mouth_size: int, width: int = 64) -> None:
        super().__init__()
        self.enter = nn.Conv1d(len(FEATURES) + 1, width, 5, padding=2)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 5, padding=2 * d, dilation=d) for d in (1, 2, 4, 8, 4, 2)
        )
        self.leave = nn.Conv1d(width, mouth_size, OVERSAMPLING, stride=OVERSAMPLING)

    def forward(self, track: Tensor) -> Tensor:
        """(B, 4·T, F + 1) → (B, T, mouth)."""
        x = self.enter(track.transpose(1, 2))
        for layer in self.layers:
            x = x + layer(functional.gelu(x))
        y: Tensor = self.leave(functional.gelu(x))
        return y.transpose(1, 2)


def train_phone_to_motion(
    tracks: Floats,
    mouth: Floats,
    held_out: int,
    steps: int = 1500,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[PhoneToMotion, float]:
    """Fit the network.

    Args:
        tracks: (N, 4·T, F + 1) articulation tracks of the clips.
        mouth: (N, T, M) mouth latents of the clips.
        held_out: the last clips are kept for the error.
        steps: batches of 16 clips.
        progress: called with (step, loss).

    Returns:
        The network, and its mean absolute error on the clips kept out, in standard deviations.
    """
    torch.manual_seed(0)
    network = PhoneToMotion(mouth.shape[-1])
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    x, y = torch.from_numpy(tracks), torch.from_numpy(mouth)
    training = len(x) - held_out
    for step in range(steps):
        chosen = torch.randint(0, training, (16,))
        said = network(x[chosen])
        loss = (said - y[chosen]).abs().mean() + (
            said.diff(dim=1) - y[chosen].diff(dim=1)
        ).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if progress:
            progress(step, loss.item())
    network.eval()
    with torch.inference_mode():
        error = (network(x[training:]) - y[training:]).abs().mean().item()
    return network, error


class LipCloser:
    """Presses the lips together for p, b and m, by the smallest change of the mouth latents.

    A network that was fitted on averages undershoots: it almost closes the lips, and almost is
    what an eye notices. Real speakers close them.
    """

    def __init__(self, space: MotionSpace) -> None:
        # The gap of each pair of inner lip landmarks, downwards, is linear in the latents.
        upper, lower = np.array(_INNER_LIPS).T
        self._average = (space.average[lower] - space.average[upper])[:, 1]
        self._jacobian = (space.mouth[:, lower] - space.mouth[:, upper])[:, :, 1].T
        self._inverse = np.linalg.pinv(self._jacobian)

    def __call__(self, mouth: Floats, phones: Sequence[TimedPhone]) -> Floats:
        """(T, M) mouth latents with every bilabial closed at its middle."""
        closed = mouth.copy()
        for phone in phones:
            if phone.symbol not in BILABIALS:
                continue
            middle = (phone.start + phone.end) / 2 * MOTION_RATE - 0.5
            half = max((phone.end - phone.start) / 2 * MOTION_RATE, 0.8)
            for frame in range(int(middle - half - 1), int(middle + half + 2)):
                if not 0 <= frame < len(mouth):
                    continue
                weight = float(np.clip(1.5 - abs(frame - middle) / half, 0, 1))
                gap = self._average + self._jacobian @ closed[frame]
                excess = np.maximum(gap - _CLOSED_GAP, 0.0)
                closed[frame] -= (weight * self._inverse @ excess).astype(np.float32)
        return closed


def phones_from_ids(
    symbols: Sequence[str], seconds: NDArray[np.float32], pause: float = 0.06
) -> list[TimedPhone]:
    """The teacher's timed ids as phones: stress marks and short gaps belong to their neighbours.

    Args:
        symbols: one symbol an id; '' is silence.
        seconds: how long each lasts.
        pause: spaces and punctuation longer than this are silence.
    """
    ends = np.cumsum(seconds)
    phones: list[TimedPhone] = []
    waiting = 0.0
    for symbol, end, length in zip(symbols, ends, seconds, strict=True):
        start = float(end - length)
        if symbol in ("ˈ", "ˌ"):
            waiting = float(length)
        elif describe(symbol) is not None:
            phones.append(TimedPhone(symbol, start - waiting, float(end)))
            waiting = 0.0
        elif symbol == "ː" and phones:
            phones[-1] = phones[-1]._replace(end=float(end))
        elif length <= pause and phones:
            half = float(length) / 2
            phones[-1] = phones[-1]._replace(end=phones[-1].end + half)
            waiting = half
        else:
            phones.append(TimedPhone("", start, float(end)))
            waiting = 0.0
    return phones
