"""A job: one window on its way from a performance to the engine and back, decoded there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, BEAT_SAMPLES, SAMPLES_PER_MOTION
from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.space import Space
from jamflow_rt.codec.vocoder import VocoderStream
from jamflow_rt.flow.window import Window, WindowResult
from jamflow_rt.stream.score import Cell, Floats
from jamflow_rt.stream.windows import WindowPlan

APPROACH_FRAMES = 12
"""Motion frames within which the face goes over from what it did to a reference's manner."""


@dataclass(frozen=True, slots=True)
class Shot:
    """40 ms of a performance."""

    index: int
    """Motion frame since the beginning of the performance."""
    face: FaceState
    sound: Floats
    """(960,)"""
    speech_id: str | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """The new beats of a sampled window, decoded."""

    mel: Floats  # (15·new, 100)
    motion: Floats  # (4·new, D)
    shown: Floats
    """(4·new, D) the same, as it is shown: on the way from what the face did to a reference."""
    shots: list[Shot]


@dataclass(frozen=True, slots=True)
class Job:
    """A window to be sampled, and all that is needed to decode it elsewhere."""

    plan: WindowPlan
    window: Window
    start: int
    """Motion frame of its first new beat."""
    cells: list[Cell]
    """What the new beats perform; empty when idle."""
    space: Space
    voice: VocoderStream | None
    """Decodes the new beats; for an idle window: what the last speech still rings with."""
    right: int
    """Mel frames of right context the vocoder wants."""
    primer: Floats | None
    """(n, 100) mel before the window, when `voice` is new and has not heard it."""
    offset: Floats
    """(D,) from the motion of the window's prefix to the face that was shown; it fades."""

    @property
    def idle(self) -> bool:
        """True when nothing is performed."""
        return not self.cells

    def finish(self, result: WindowResult) -> Chunk:
        """Decode the new beats. May run in any thread, once."""
        first, new = self.plan.prefix, self.plan.new
        mel = result.mel[first * BEAT_MEL : (first + new) * BEAT_MEL]
        ahead = result.mel[(first + new) * BEAT_MEL :][: self.right]
        motion = self.space.steady(result.motion)
        motion = motion[first * BEAT_MOTION : (first + new) * BEAT_MOTION]
        for beat, cell in enumerate(self.cells):
            if cell.motion is not None:
                motion[beat * BEAT_MOTION : (beat + 1) * BEAT_MOTION] = cell.motion
        fade = np.maximum(1 - np.arange(1, len(motion) + 1) / APPROACH_FRAMES, 0.0)
        shown = motion + fade[:, None].astype(np.float32) * self.offset
        sound = self._sound(mel, ahead).reshape(-1, SAMPLES_PER_MOTION)
        shots = [
            Shot(self.start + i, face, sound[i], self._speech(i // BEAT_MOTION))
            for i, face in enumerate(self._faces(shown))
        ]
        return Chunk(mel, motion, shown, shots)

    def _faces(self, motion: Floats) -> list[FaceState]:
        faces = self.space.decode(motion, self.start)
        for beat, cell in enumerate(self.cells):
            if cell.faces is not None:
                faces[beat * BEAT_MOTION : (beat + 1) * BEAT_MOTION] = cell.faces
        return faces

    def _speech(self, beat: int) -> str | None:
        return self.cells[beat].speech_id if self.cells else None

    def _sound(self, mel: Floats, ahead: Floats) -> Floats:
        if self.cells and self.cells[0].given:
            return np.concatenate([c.sound for c in self.cells if c.sound is not None])
        if self.cells and self.voice is not None:
            if self.primer is not None:
                self.voice.push(self.primer, mel[: self.right])
            return np.clip(self.voice.push(mel, ahead), -1.0, 1.0)
        sound = np.zeros(self.plan.new * BEAT_SAMPLES, np.float32)
        if self.voice is not None:
            tail = self.voice.push(mel[:BEAT_MEL], ahead)[:SAMPLES_PER_MOTION]
            sound[:SAMPLES_PER_MOTION] = tail * np.linspace(1, 0, SAMPLES_PER_MOTION)
        return sound
