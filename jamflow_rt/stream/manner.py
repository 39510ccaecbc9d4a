"""How the head listens: it comes a little nearer, tilts, and nods when the other one pauses.

Laid over the generated idling, so that it begins at once and needs no window of its own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.codec.face import FaceState

NEARER = 0.02
"""Growth of the head while it listens."""
TILT = 0.035
"""Radians to the side while it listens (2 degrees)."""
SETTLING = 0.35
"""Seconds in which two thirds of the way into or out of the posture are done."""
NOD = 0.055
"""Radians of the first, larger of two nods (3 degrees)."""
NOD_SECONDS = 0.44
_STILL = 1e-4


def _nod() -> np.ndarray:
    """(frames,) the pitch of a nod and a smaller one after it; starts and ends at rest."""
    frames = round(NOD_SECONDS * MOTION_RATE)
    bump = np.sin(np.linspace(0, np.pi, frames + 2)[1:-1]) ** 2
    return NOD * np.concatenate([bump, 0.5 * bump])


class Manner:
    """The listening posture of one session. `pose` is called once for every frame, in order."""

    def __init__(self) -> None:
        self.listening = False
        """True while somebody else speaks."""
        # How far the posture is taken, 0…1, and its speed a frame.
        self._taken = 0.0
        self._speed = 0.0
        # What is left of the current nod.
        self._nods = np.zeros(0)

    def nod(self) -> None:
        """Nod twice; one that is under way is finished instead."""
        if not len(self._nods):
            self._nods = _nod()

    def pose(self, face: FaceState) -> FaceState:
        """The next frame's face with the posture of that moment."""
        self._advance()
        pitch = 0.0
        if len(self._nods):
            pitch, self._nods = float(self._nods[0]), self._nods[1:]
        if self._taken < _STILL and not pitch:
            return face
        turn = np.array([pitch, 0.0, TILT * self._taken], np.float32)
        return replace(
            face,
            rotation=face.rotation + turn,
            scale=face.scale * (1 + NEARER * self._taken),
        )

    def _advance(self) -> None:
        # A critically damped spring: it starts and stops softly, and never overshoots.
        rate = 2 / SETTLING
        force = rate * rate * (float(self.listening) - self._taken) - 2 * rate * self._speed
        self._speed += force / MOTION_RATE
        self._taken += self._speed / MOTION_RATE
