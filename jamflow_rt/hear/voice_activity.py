"""Voice activity: the microphone's sound in blocks of 32 ms, and how likely each holds speech."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE: Final = 16_000
"""Samples a second that hearing works at."""
BLOCK: Final = 512
"""Samples of a block: what Silero VAD takes at a time."""
BLOCK_SECONDS: Final = BLOCK / RATE


class VoiceActivity(Protocol):
    """Tells speech from other sound, block after block. It remembers what came before."""

    def probability(self, block: Floats) -> float:
        """Of speech, 0…1, in the next block (512,) at 16 kHz, −1…1."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...


def silero() -> VoiceActivity:
    """Silero VAD, ready to hear a stream.

    Raises:
        NotSupported: its weights are not installed.
    """
    # Reading the weights is for those who listen.
    from jamflow_rt.hear.silero import SileroVad

    return SileroVad()


class BlockCutter:
    """Sound of any rate and chunk size → blocks (512,) at 16 kHz, as soon as they are complete."""

    def __init__(self) -> None:
        self._rate = RATE
        self._resampler: soxr.ResampleStream | None = None
        self._rest = np.zeros(0, np.float32)

    def reset(self) -> None:
        """Forget the samples that fill no block yet."""
        self._rate, self._resampler = RATE, None
        self._rest = np.zeros(0, np.float32)

    def push(self, sound: Floats, sample_rate: int) -> list[Floats]:
        """Take sound (N,) in; returns the blocks that are complete with it.

        When the rate changes, the few milliseconds that the resampler still held come first.
        """
        pieces = [self._rest]
        if sample_rate != self._rate:
            if self._resampler is not None:
                pieces.append(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
            self._rate = sample_rate
            self._resampler = (
                None
                if sample_rate == RATE
                else soxr.ResampleStream(sample_rate, RATE, 1, dtype="float32")
            )
        pieces.append(
            sound if self._resampler is None else self._resampler.resample_chunk(sound, last=False)
        )
        joined = np.concatenate(pieces)
        end = len(joined) // BLOCK * BLOCK
        self._rest = joined[end:]
        return list(joined[:end].reshape(-1, BLOCK))
