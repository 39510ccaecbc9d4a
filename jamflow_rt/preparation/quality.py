"""Which videos are fit for training: figures of each, and what is wrong where one is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE, SAMPLE_RATE
from jamflow_rt.config import StrictModel
from jamflow_rt.evaluate.sync import MOST_SHIFT, measure_sync

Floats = NDArray[np.float32]
_VAD_RATE, _VAD_BLOCK = 16_000, 512


class VoiceActivity(Protocol):
    """`jamflow_rt.hear.silero.SileroVad` is one."""

    def reset(self) -> None:
        """Forget what was heard."""
        ...

    def probability(self, block: Floats) -> float:
        """Of speech in the next 512 samples at 16 kHz."""
        ...


class QualityLimits(StrictModel):
    """What a clip must reach. The paper tells no numbers: all are ours."""

    least_seen: float = 0.95
    """Share of frames in which the face is found."""
    least_speech: float = 0.2
    """Share of the time in which somebody speaks."""
    most_offset: int = 4
    """Motion frames that lips and sound may be apart."""
    sure: float = 2.1
    """By so much, in units of 1/√frames, must loudness and lips agree better further apart than
    that. Measured on 80 clips of GRID, 3 s each: none is left out wrongly, and 34 % are found
    when their lips are made 240 ms late; of longer clips more is known."""
    shortest: float = 1.0
    longest: float = 30.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of a clip."""

    seen: float
    speech: float
    agreement: tuple[float, ...]
    """Correlation of loudness and lips with the lips −8…8 motion frames after the sound."""
    seconds: float

    @property
    def offset(self) -> int:
        """Motion frames that the lips come after the sound, where syllables agree best."""
        return int(np.argmax(self.agreement)) - MOST_SHIFT if self.agreement else 0

    @property
    def figures(self) -> dict[str, float]:
        """As a record keeps them."""
        return {
            "seen": self.seen,
            "speech": self.speech,
            "offset": float(self.offset),
            "agreement": max(self.agreement, default=0.0),
        }

    def fault(self, limits: QualityLimits) -> str | None:
        """What is wrong with it; None when it will do."""
        if not limits.shortest <= self.seconds <= limits.longest:
            return f"length: {self.seconds:.1f} s"
        if self.seen < limits.least_seen:
            return f"face lost: seen in {self.seen:.0%}"
        if self.speech < limits.least_speech:
            return f"no speech: {self.speech:.0%} of the time"
        if self._lead(limits.most_offset) * np.sqrt(self.seconds * MOTION_RATE) > limits.sure:
            return f"sync off: lips {1000 * self.offset / MOTION_RATE:+.0f} ms"
        return None

    def _lead(self, most: int) -> float:
        """By how much sound and lips agree better further apart than `most` than nearer."""
        if not self.agreement:
            return 0.0
        near = np.abs(np.arange(len(self.agreement)) - MOST_SHIFT) <= most
        agreement = np.array(self.agreement)
        return float(agreement[~near].max(initial=-1.0) - agreement[near].max(initial=-1.0))


def measure_quality(
    sound: Floats, gaps: Floats, seen: NDArray[np.bool_], activity: VoiceActivity
) -> Quality:
    """Figures of a clip.

    Args:
        sound: (N,) at 24 kHz.
        gaps: (T,) between the inner lips, 25 a second.
        seen: (T,) False where no face was found.
        activity: hears speech.
    """
    sync = measure_sync([(sound, gaps)])
    return Quality(
        seen=float(seen.mean()),
        speech=_speech(sound, activity),
        agreement=() if sync is None else sync.syllables,
        seconds=len(sound) / SAMPLE_RATE,
    )


def _speech(sound: Floats, activity: VoiceActivity) -> float:
    narrow = np.asarray(soxr.resample(sound, SAMPLE_RATE, _VAD_RATE), np.float32)
    blocks = narrow[: len(narrow) // _VAD_BLOCK * _VAD_BLOCK].reshape(-1, _VAD_BLOCK)
    if not len(blocks):
        return 0.0
    activity.reset()
    return float(np.mean([activity.probability(block) > 0.5 for block in blocks]))
