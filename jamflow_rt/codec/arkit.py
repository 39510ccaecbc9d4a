"""The 52 ARKit coefficients of a face, by geometry, for avatars in three.js, VRM, Unreal, Unity.

Each coefficient is a distance on the mesh against the same distance at rest, mapped to 0…1. The
bounds are in centimetres on a face whose outer eye corners are 8.8 apart, chosen so that rest
and tracking noise give 0 and a full expression 1 (GRID speech spans about half of that). Left and
right are the person's own, as in ARKit. Head pose is not part of it: see `FaceState`.

A surface mesh cannot tell cheekPuff, tongueOut and jawForward; they are always 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.arkit_landmarks import (
    LEFT,
    MIDDLES,
    RIGHT,
    USED,
    HalfWays,
    split_middles,
    split_ways,
    sums_of_used,
)
from jamflow_rt.codec.face import N_LANDMARKS, FaceState
from jamflow_rt.errors import InvalidInput

Floats = NDArray[np.float32]


def _both(name: str) -> list[str]:
    return [name + "Left", name + "Right"]


def _eye(side: str) -> list[str]:
    parts = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")
    return [f"eye{part}{side}" for part in parts]


ARKIT_NAMES: Final[tuple[str, ...]] = (
    *_eye("Left"),
    *_eye("Right"),
    *("jawForward", "jawLeft", "jawRight", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"),
    *_both("mouthSmile"),
    *_both("mouthFrown"),
    *_both("mouthDimple"),
    *_both("mouthStretch"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *_both("mouthPress"),
    *_both("mouthLowerDown"),
    *_both("mouthUpperUp"),
    *_both("browDown"),
    "browInnerUp",
    *_both("browOuterUp"),
    "cheekPuff",
    *_both("cheekSquint"),
    *_both("noseSneer"),
    "tongueOut",
)
"""In the order of Apple's documentation of ARFaceAnchor.BlendShapeLocation."""

ALWAYS_ZERO: Final = frozenset({"cheekPuff", "tongueOut", "jawForward"})

_EYE_DISTANCE: Final = 8.8
_OUTWARD: Final = np.array([[LEFT.outward], [RIGHT.outward]], np.float32)

_BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "eyeBlink": (0.15, 0.75),
    "eyeLookDown": (0.05, 0.4),
    "eyeLookIn": (0.04, 0.5),
    "eyeLookOut": (0.04, 0.5),
    "eyeLookUp": (0.05, 0.4),
    "eyeSquint": (0.15, 0.4),
    "eyeWide": (0.1, 0.4),
    "jawLeft": (0.15, 1.0),
    "jawRight": (0.15, 1.0),
    "jawOpen": (0.08, 1.7),
    "mouthClose": (0.08, 1.7),
    "mouthFunnel": (0.25, 1.5),
    "mouthPucker": (0.25, 1.5),
    "mouthLeft": (0.12, 0.9),
    "mouthRight": (0.12, 0.9),
    "mouthSmile": (0.12, 0.8),
    "mouthFrown": (0.2, 0.8),
    "mouthDimple": (0.2, 0.7),
    "mouthStretch": (0.15, 0.8),
    "mouthRollLower": (0.15, 0.6),
    "mouthRollUpper": (0.15, 0.6),
    "mouthShrugLower": (0.3, 0.9),
    "mouthShrugUpper": (0.3, 0.9),
    "mouthPress": (0.15, 0.7),
    "mouthLowerDown": (0.2, 0.9),
    "mouthUpperUp": (0.25, 0.9),
    "browDown": (0.06, 0.45),
    "browInnerUp": (0.08, 0.6),
    "browOuterUp": (0.08, 0.6),
    "cheekSquint": (0.25, 0.7),
    "noseSneer": (0.15, 0.5),
}
"""What is 0 and what is 1 of each coefficient: in centimetres, of the eyelids as shares."""


def _places(name: str) -> int | slice:
    """Where a coefficient stands in `ARKIT_NAMES`, or both sides of it: the left one, the right."""
    if name in ARKIT_NAMES:
        return ARKIT_NAMES.index(name)
    left, right = (ARKIT_NAMES.index(name + side.name) for side in (LEFT, RIGHT))
    return slice(left, right + 1, right - left)


_PLACES: Final = {name: _places(name) for name in _BOUNDS}
# Under a closed lid the tracked iris follows the lid.
_OF_OPEN_EYES: Final = ("eyeSquint", "eyeLookOut", "eyeLookIn", "eyeLookDown", "eyeLookUp")
_OF_CLOSED_LIPS: Final = ("mouthShrugUpper", "mouthShrugLower", "mouthDimple", "mouthPress")


def _scale() -> tuple[Floats, Floats]:
    """(52, 1) each: what is 0, and one over the way from 0 to 1."""
    zero, one = np.zeros((len(ARKIT_NAMES), 1)), np.ones((len(ARKIT_NAMES), 1))
    for name, bounds in _BOUNDS.items():
        zero[_PLACES[name]], one[_PLACES[name]] = bounds
    return zero.astype(np.float32), (1 / (one - zero)).astype(np.float32)


_ZERO, _SLOPE = _scale()


class ArkitMap:
    """Faces → ARKit coefficients, relative to a mesh at rest. Immutable."""

    def __init__(self, neutral: Floats) -> None:
        if neutral.shape != (N_LANDMARKS, 3) or not np.isfinite(neutral).all():
            raise InvalidInput(f"A mesh at rest is ({N_LANDMARKS}, 3), not {neutral.shape}.")
        corners = (LEFT.eye_corners[0], RIGHT.eye_corners[0])
        unit = float(np.linalg.norm(neutral[corners[0]] - neutral[corners[1]]) / _EYE_DISTANCE)
        if not unit:
            raise InvalidInput("The eyes of a mesh at rest lie in one place: that is no face.")
        self._sums = sums_of_used() / np.float32(unit)
        self._rest = _Rest(*self._measure(neutral[None].astype(np.float32)))

    def coefficients(self, meshes: Floats) -> Floats:
        """Coefficients (T, 52) of pose-free meshes (T, 478, 3), in the order of `ARKIT_NAMES`.

        Raises:
            InvalidInput: the meshes have another shape, or hold NaN.
        """
        if meshes.ndim != 3 or meshes.shape[1:] != (N_LANDMARKS, 3):
            raise InvalidInput(f"Meshes are (frames, {N_LANDMARKS}, 3), not {meshes.shape}.")
        if not np.isfinite(meshes).all():
            raise InvalidInput("The meshes hold NaN or infinite numbers.")
        middles, lengths = self._measure(meshes)
        changes = _Changes(middles, lengths, self._rest)
        found = np.zeros((len(ARKIT_NAMES), len(meshes)), np.float32)
        for name, value in changes.all().items():
            found[_PLACES[name]] = value
        found = _limited((found - _ZERO) * _SLOPE)
        for name, share in changes.shares(found[_PLACES["eyeBlink"]]).items():
            found[_PLACES[name]] *= share
        return np.ascontiguousarray(found.T)

    def of(self, face: FaceState) -> dict[str, float]:
        """The coefficients of one face by name, in Apple's order."""
        row = self.coefficients(face.landmarks[None])[0]
        return dict(zip(ARKIT_NAMES, row.tolist(), strict=True))

    def _measure(self, meshes: Floats) -> tuple[Floats, Floats]:
        """Middles (M, 3, T) and lengths of ways (W, T) of meshes (T, 478, 3), in centimetres."""
        points = meshes[:, USED].transpose(1, 2, 0).reshape(len(USED), -1)
        sums = np.asarray(self._sums @ points, np.float32).reshape(len(self._sums), 3, -1)
        middles, ways = sums[: len(MIDDLES)], sums[len(MIDDLES) :]
        return middles, np.sqrt(np.asarray((ways * ways).sum(axis=1), np.float32))


class _Rest:
    """The mesh at rest.

    Args:
        middles: (M, 3, 1) in centimetres.
        lengths: (W, 1) of the ways.
    """

    def __init__(self, middles: Floats, lengths: Floats) -> None:
        self.middles, self.lengths = middles, lengths
        whole, halves = split_ways(lengths)
        self.gap = whole.gap
        """(1,) between the lips."""
        self.lids = _between_lids(halves)
        """(2, 1)"""


class _Changes:
    """What changed between a mesh at rest and meshes: (T,), or of both sides (2, T).

    Args:
        middles: (M, 3, T) of the meshes, in centimetres.
        lengths: (W, T) of the ways.
        rest: the mesh at rest.
    """

    def __init__(self, middles: Floats, lengths: Floats, rest: _Rest) -> None:
        # How far each moved: x to the right, y down, z away.
        self._whole, self._half = split_middles(middles - rest.middles)
        self._longer, self._half_longer = split_ways(lengths - rest.lengths)
        self._gap = self._longer.gap + rest.gap
        # As a share of how far they are open at rest.
        self._wider = _between_lids(self._half_longer) / rest.lids

    def all(self) -> dict[str, Floats]:
        """What `_BOUNDS` judges, by name."""
        return (
            self._jaw() | self._middle() | self._mouth_sides() | self._eyes() | self._upper_face()
        )

    def shares(self, blink: Floats) -> dict[str, Floats]:
        """How much of some coefficients counts, 0…1, by name.

        Args:
            blink: (2, T) coefficients of both eyes.
        """
        parted = _limited((self._gap - 0.1) / 0.7)
        shares = {"mouthFunnel": parted, "mouthPucker": 1 - parted}
        shares |= dict.fromkeys(_OF_CLOSED_LIPS, 1 - _limited((self._gap - 0.1) / 0.2))
        return shares | dict.fromkeys(_OF_OPEN_EYES, 1 - blink)

    def _jaw(self) -> dict[str, Floats]:
        aside, chin, _ = self._whole.chin
        # The chin alone is tracked with noise; the lower lip goes with the jaw.
        drop = np.maximum((chin + self._whole.inner_lip[1]) / 2, chin)
        # Relaxed lips part about twice as far as the chin drops (GRID); what is missing is closed.
        held = chin - self._gap / 2
        return {
            "jawOpen": drop,
            "mouthClose": np.minimum(held, drop),
            "jawLeft": aside,
            "jawRight": -aside,
        }

    def _middle(self) -> dict[str, Floats]:
        narrow, aside = -self._longer.width, self._whole.lips[0]
        return {
            "mouthFunnel": narrow,
            "mouthPucker": narrow,
            "mouthLeft": aside,
            "mouthRight": -aside,
            "mouthRollUpper": -self._longer.upper_lip,
            "mouthRollLower": -self._longer.lower_lip,
            "mouthShrugUpper": -self._whole.upper_lip[1],
            "mouthShrugLower": -self._whole.lower_lip[1],
            "browInnerUp": -self._whole.inner_brows[1],
        }

    def _mouth_sides(self) -> dict[str, Floats]:
        chin = self._whole.chin[1]
        aside, down, back = self._half.mouth_corner.swapaxes(0, 1)
        up, out = -down, _OUTWARD * aside
        return {
            "mouthSmile": np.asarray(0.7 * (up + out), np.float32),
            # An open jaw draws the corners down without a frown.
            "mouthFrown": down - 0.3 * np.maximum(chin, 0),
            "mouthStretch": out - np.maximum(up, 0),
            "mouthDimple": np.minimum(back, out + 0.2),
            "mouthPress": -self._half_longer.upper_lip - self._half_longer.lower_lip,
            "mouthUpperUp": -self._half.upper_lip[:, 1],
            "mouthLowerDown": self._half.lower_lip[:, 1] - chin,
        }

    def _eyes(self) -> dict[str, Floats]:
        corners = self._half.eye_corners
        aside, down, _ = (self._half.iris - corners).swapaxes(0, 1)
        out = _OUTWARD * aside
        return {
            "eyeBlink": -self._wider,
            "eyeWide": self._wider,
            "eyeSquint": corners[:, 1] - self._half.lower_lid[:, 1],
            "eyeLookOut": out,
            "eyeLookIn": -out,
            "eyeLookDown": down,
            "eyeLookUp": -down,
        }

    def _upper_face(self) -> dict[str, Floats]:
        inner, outer = self._half.brow_inner[:, 1], self._half.brow_outer[:, 1]
        return {
            "browDown": np.asarray((inner + outer) / 2, np.float32),
            "browOuterUp": -outer,
            "cheekSquint": -self._half.cheek[:, 1],
            "noseSneer": -self._half_longer.nose,
        }


def _between_lids(ways: HalfWays[Floats]) -> Floats:
    """Three ways between the lids of each eye as one, (2, T)."""
    return ways.lid_a + ways.lid_b + ways.lid_c


def _limited(values: Floats) -> Floats:
    return np.minimum(np.maximum(values, 0), 1)
