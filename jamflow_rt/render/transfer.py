"""One person's expression on another face.

Motion is learned from one person and shown on a portrait of different proportions. What carries
over are differences from rest, measured in the features' own size: a lip gap in mouth widths, a
blink in eye openings. So the portrait's lips meet when the speaker's do and its eyes close when
the speaker's do, whatever the proportions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.face import N_LANDMARKS
from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.topology import EYES, LOWER_LIP, UPPER_LIP, Eye

Array = NDArray[np.float32]

# A tracker reads eyes that are shut as a little open (about a fifth of the rest opening), and a
# real lid cannot open much further than wide.
_SHUT = 0.25
_WIDE = 1.35
# Canonical units; below this a gap between the lips is measurement, not air.
_LIP_NOISE = 0.05
# The reach of a feature's own scale, in canonical units.
_REACH = 3.5


class MotionTransfer:
    """Moves a portrait's landmarks as another face's landmarks moved.

    Args:
        rest: (478, 3) the portrait's landmarks at rest in the canonical frame, lips closed.
        neutral: (478, 3) the face at rest that motion is measured from.

    Raises:
        InvalidInput: a mesh has another shape, or `neutral` has no eyes or mouth to measure.
    """

    def __init__(self, rest: Array, neutral: Array) -> None:
        for mesh, name in ((rest, "The portrait's mesh"), (neutral, "The neutral mesh")):
            if mesh.shape != (N_LANDMARKS, 3) or not np.isfinite(mesh).all():
                raise InvalidInput(f"{name} must be {(N_LANDMARKS, 3)} finite numbers.")
        self._rest = rest.astype(np.float32)
        self._neutral = neutral.astype(np.float32)
        self._scale = self._feature_scales()
        for eye in EYES:
            lids = self._neutral[eye.upper[1:-1]] - self._neutral[eye.lower[1:-1]]
            if np.linalg.norm(lids, axis=1).mean() < 0.05:
                raise InvalidInput("The neutral mesh has its eyes shut; it must have them open.")
        self._lip_scale = float(self._scale[UPPER_LIP.inner[5], 0])

    def _feature_scales(self) -> Array:
        scales = np.ones((N_LANDMARKS, 1), np.float32)
        spans = [(UPPER_LIP.inner[0], UPPER_LIP.inner[-1])]
        spans += [(eye.upper[0], eye.upper[-1]) for eye in EYES]
        for a, b in spans:
            own = float(np.linalg.norm(self._rest[a] - self._rest[b]))
            other = float(np.linalg.norm(self._neutral[a] - self._neutral[b]))
            if other < 1e-3:
                raise InvalidInput("The neutral mesh has a mouth or an eye without width.")
            centre = (self._rest[a] + self._rest[b]) / 2
            near = np.exp(-(np.linalg.norm(self._rest - centre, axis=1) ** 2) / _REACH**2)
            scales += near[:, None].astype(np.float32) * (own / other - 1)
        return scales

    def __call__(self, landmarks: Array) -> Array:
        """The portrait's landmarks (478, 3) when the other face has `landmarks` (478, 3)."""
        moved = self._rest + self._scale * (landmarks - self._neutral)
        self._meet_lips(landmarks, moved)
        for eye in EYES:
            self._close_lids(eye, landmarks, moved)
        return moved

    def _meet_lips(self, landmarks: Array, moved: Array) -> None:
        upper, lower = UPPER_LIP.inner[1:-1], LOWER_LIP.inner[1:-1]
        gap = landmarks[lower, 1] - landmarks[upper, 1]
        gap = gap - (self._neutral[lower, 1] - self._neutral[upper, 1])
        air = np.maximum(gap, 0) ** 2 / (np.maximum(gap, 0) + _LIP_NOISE)
        wanted = self._lip_scale * air + self._rest[lower, 1] - self._rest[upper, 1]
        correction = wanted - (moved[lower, 1] - moved[upper, 1])
        # Ring 2 goes half way so that the inner lip rolls instead of folding.
        for ring, share in ((3, 0.5), (2, 0.25)):
            moved[UPPER_LIP.rings[ring, 1:-1], 1] -= share * correction
            moved[LOWER_LIP.rings[ring, 1:-1], 1] += share * correction

    def _close_lids(self, eye: Eye, landmarks: Array, moved: Array) -> None:
        upper, lower = eye.upper[1:-1], eye.lower[1:-1]
        opening = np.linalg.norm(landmarks[upper] - landmarks[lower], axis=1).mean()
        at_rest = np.linalg.norm(self._neutral[upper] - self._neutral[lower], axis=1).mean()
        openness = float(np.clip((opening / at_rest - _SHUT) / (1 - _SHUT), 0, _WIDE))
        corners = eye.upper[[0, -1]]
        carried = (moved[corners] - self._rest[corners]).mean(0)
        # The lower lid keeps a part of its own movement (smiles push it up).
        moved[lower] = (
            self._rest[lower] + carried + 0.6 * (moved[lower] - self._rest[lower] - carried)
        )
        moved[upper] = moved[lower] + openness * (self._rest[upper] - self._rest[lower])
        look = moved[eye.iris] - self._rest[eye.iris] - carried
        # Behind closed lids the tracker only guesses where the iris is.
        seen = float(np.clip(openness * 1.6 - 0.3, 0, 1))
        reach = 0.22 * np.linalg.norm(self._rest[corners[0]] - self._rest[corners[1]])
        look[:2] = reach * np.tanh(look[:2] * seen / reach)
        look[2] = 0
        rim = slice(eye.iris, eye.iris + 5)
        moved[rim] = self._rest[rim] + carried + look
