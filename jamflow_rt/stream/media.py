"""What leaves a session: frames of sound and picture, and the account of what was heard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.face import FaceState


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word with its time in its speech, in seconds from the speech's first sound."""

    text: str
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


@dataclass(frozen=True, slots=True)
class Playback:
    """What was heard of a speech when it was interrupted."""

    speech_id: str | None
    """None when nothing was being said."""
    position: float
    """Seconds of the speech that were heard."""
    spoken_text: str
    """The words that were heard to their end."""
