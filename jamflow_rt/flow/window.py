"""A window: what is known and what is to be generated, as plain arrays without a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, N_MELS
from jamflow_rt.errors import InvalidInput

Floats = NDArray[np.float32]


class Span(NamedTuple):
    """Beats of a window, from `first` to before `end`."""

    first: int
    end: int

    @property
    def mel(self) -> slice:
        """Its mel frames."""
        return slice(self.first * BEAT_MEL, self.end * BEAT_MEL)

    @property
    def motion(self) -> slice:
        """Its motion frames."""
        return slice(self.first * BEAT_MOTION, self.end * BEAT_MOTION)


@dataclass(frozen=True, slots=True)
class Window:
    """T_a = 15 and T_m = 4 frames a beat. Unknown places hold zeros."""

    text: NDArray[np.int32]
    """(T_a,) one phoneme id a mel frame."""
    mel: Floats
    """(T_a, 100) known whitened mel."""
    mel_masked: NDArray[np.bool_]
    """(T_a,) True where sound is to be generated."""
    motion: Floats
    """(T_m, D) known motion latents."""
    motion_masked: NDArray[np.bool_]
    """(T_m, G) True where that group of motion is to be generated."""
    mel_noise: Floats
    """(T_a, 100)"""
    motion_noise: Floats
    """(T_m, D)"""
    voice: int = 0
    """Row of the model's table of voices; 0 goes on as the prefix sounds."""
    listens: bool = False
    """The sound is given and the mouth follows it; what of it is masked is only looked at."""
    given: Floats | None = None
    """(T_m, R) motion that is never generated (the paper's e_rest), where the model is told any."""

    def __post_init__(self) -> None:
        beats = len(self.text) // BEAT_MEL
        expected = {
            "text": (self.text.shape, (beats * BEAT_MEL,)),
            "mel": (self.mel.shape, (beats * BEAT_MEL, N_MELS)),
            "mel_masked": (self.mel_masked.shape, (beats * BEAT_MEL,)),
            "mel_noise": (self.mel_noise.shape, (beats * BEAT_MEL, N_MELS)),
            "motion": (self.motion.shape, (beats * BEAT_MOTION, self.motion_noise.shape[-1])),
            "motion_masked": (
                self.motion_masked.shape,
                (beats * BEAT_MOTION, self.motion_masked.shape[-1]),
            ),
            "motion_noise": (self.motion_noise.shape, self.motion.shape),
        }
        if self.given is not None:
            wanted = (beats * BEAT_MOTION, self.given.shape[-1])
            expected["given"] = (self.given.shape, wanted)
        for name, (shape, wanted) in expected.items():
            if shape != wanted:
                raise InvalidInput(f"Window.{name} has shape {shape}; {beats} beats want {wanted}.")

    @property
    def beats(self) -> int:
        """Length in beats of 160 ms."""
        return len(self.text) // BEAT_MEL

    @property
    def generated(self) -> Span:
        """From the first beat of which something is generated to the last; all if nothing is."""
        masked = self.mel_masked.reshape(self.beats, -1).any(1)
        masked |= self.motion_masked.reshape(self.beats, -1).any(1)
        places = np.flatnonzero(masked)
        return Span(int(places[0]), int(places[-1]) + 1) if len(places) else Span(0, self.beats)

    @property
    def makes_sound(self) -> bool:
        """True when sound is to be generated to be heard, not only motion."""
        return not self.listens and bool(self.mel_masked.any())

    @property
    def text_dropped(self) -> bool:
        """Silent text with given sound says nothing about the face: the sound leads."""
        return not self.makes_sound and not self.text.any()


@dataclass(frozen=True, slots=True)
class WindowResult:
    """A window sampled to its end. Known places are the window's own, bit for bit."""

    mel: Floats
    """(T_a, 100) whitened mel."""
    motion: Floats
    """(T_m, D) motion latents."""

    @property
    def finite(self) -> bool:
        """False when the network produced NaN or infinite numbers."""
        return bool(np.isfinite(self.mel).all() and np.isfinite(self.motion).all())
