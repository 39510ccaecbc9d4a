"""What leaves a session: frames of sound and picture, and the account of what was heard."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.arkit import ArkitMap
from jamflow_rt.codec.face import FaceState


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word with its time in its speech, in seconds from the speech's first sound."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SpokenPhoneme:
    """A phoneme with its time in its speech, in seconds from the speech's first sound."""

    symbol: str
    """IPA, as `jamflow_rt.text.phonemes` writes it."""
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Frame:
    """40 ms of a session: one picture with the sound that belongs to it."""

    time: float
    """Seconds on the session's media clock at which the frame starts."""
    picture: NDArray[np.uint8] | None
    """(H, W, 3) RGB; None when the session has no renderer."""
    sound: NDArray[np.float32]
    """(960,) samples at 24 kHz, −1…1."""
    motion: FaceState
    speech_id: str | None
    """The speech that sounds in this frame; None while idle."""
    epoch: int
    """Counts interrupts: frames of an older epoch are never shown."""
    words: tuple[SpokenWord, ...] = ()
    """Words that begin in this frame."""
    phonemes: tuple[SpokenPhoneme, ...] = ()
    """Phonemes that begin in this frame."""
    arkit_map: ArkitMap | None = field(default=None, repr=False, compare=False)
    """Makes `arkit`; of the session's face at rest."""

    @property
    def arkit(self) -> dict[str, float]:
        """The 52 ARKit coefficients of `motion` by name; made anew each time, for who wants them.

        Empty when the frame does not come from a session.
        """
        return {} if self.arkit_map is None else self.arkit_map.of(self.motion)


@dataclass(frozen=True, slots=True)
class Playback:
    """What was heard of a speech."""

    speech_id: str | None
    """None when nothing was being said."""
    position: float
    """Seconds of the speech that were heard."""
    spoken_text: str
    """The words that were heard to their end."""
    words: tuple[SpokenWord, ...] = ()
    """The same words with their times."""
    unspoken_text: str = ""
    """What is known of the text and was not heard to its end."""

    @property
    def position_ms(self) -> int:
        """`position` in whole milliseconds."""
        return round(1000 * self.position)
