"""The 52 ARKit coefficients of a face, by geometry, for avatars in three.js, VRM, Unreal, Unity.

Each coefficient is a distance on the mesh against the same distance at rest, mapped to 0…1. The
bounds are in centimetres on a face whose outer eye corners are 8.8 apart, chosen so that rest
and tracking noise give 0 and a full expression 1 (GRID speech spans about half of that). Left and
right are the person's own, as in ARKit. Head pose is not part of it: see `FaceState`.

A surface mesh cannot tell cheekPuff, tongueOut and jawForward; they are always 0.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
_CHIN: Final = (152, 148, 377)


class _Side(NamedTuple):
    """Landmarks of one half of the face."""

    name: str
    outward: int  # the sign of x away from the nose
    eye_corners: tuple[int, int]  # outer, inner
    upper_lid: tuple[int, ...]
    lower_lid: tuple[int, ...]
    iris: int
    brow_inner: tuple[int, ...]
    brow_outer: tuple[int, ...]
    mouth_corner: int
    upper_lip: tuple[int, int]  # outer edge, inner edge
    lower_lip: tuple[int, int]  # outer edge, inner edge
    cheek: int
    nose_wing: int


_LEFT: Final = _Side(
    name="Left",
    outward=1,
    eye_corners=(263, 362),
    upper_lid=(385, 386, 387),
    lower_lid=(380, 374, 373),
    iris=473,
    brow_inner=(285, 295),
    brow_outer=(300, 293),
    mouth_corner=291,
    upper_lip=(269, 311),
    lower_lip=(405, 402),
    cheek=425,
    nose_wing=358,
)
_RIGHT: Final = _Side(
    name="Right",
    outward=-1,
    eye_corners=(33, 133),
    upper_lid=(158, 159, 160),
    lower_lid=(153, 145, 144),
    iris=468,
    brow_inner=(55, 65),
    brow_outer=(70, 63),
    mouth_corner=61,
    upper_lip=(39, 81),
    lower_lip=(181, 178),
    cheek=205,
    nose_wing=129,
)


class ArkitMap:
    """Faces → ARKit coefficients, relative to a mesh at rest. Immutable."""

    def __init__(self, neutral: Floats) -> None:
        if neutral.shape != (N_LANDMARKS, 3) or not np.isfinite(neutral).all():
            raise InvalidInput(f"A mesh at rest is ({N_LANDMARKS}, 3), not {neutral.shape}.")
        self._neutral = neutral.astype(np.float32)
        corners = (_LEFT.eye_corners[0], _RIGHT.eye_corners[0])
        self._unit = float(
            np.linalg.norm(neutral[corners[0]] - neutral[corners[1]]) / _EYE_DISTANCE
        )

    def coefficients(self, meshes: Floats) -> Floats:
        """Coefficients (T, 52) of pose-free meshes (T, 478, 3), in the order of `ARKIT_NAMES`.

        Raises:
            InvalidInput: the meshes have another shape, or hold NaN.
        """
        if meshes.ndim != 3 or meshes.shape[1:] != (N_LANDMARKS, 3):
            raise InvalidInput(f"Meshes are (frames, {N_LANDMARKS}, 3), not {meshes.shape}.")
        if not np.isfinite(meshes).all():
            raise InvalidInput("The meshes hold NaN or infinite numbers.")
        found = _Measures(meshes / self._unit, self._neutral / self._unit).all()
        zeros = np.zeros(len(meshes), np.float32)
        return np.stack([found.get(name, zeros) for name in ARKIT_NAMES], axis=1).astype(np.float32)

    def of(self, face: FaceState) -> dict[str, float]:
        """The coefficients of one face by name, in Apple's order."""
        row = self.coefficients(face.landmarks[None])[0]
        return dict(zip(ARKIT_NAMES, row.tolist(), strict=True))


def _ramp(value: NDArray[np.floating], zero: float, one: float) -> Floats:
    """0 up to `zero`, 1 from `one` on, straight between."""
    return np.asarray(np.clip((value - zero) / (one - zero), 0, 1), np.float32)


class _Measures:
    """What changed between a mesh at rest (478, 3) and meshes (T, 478, 3), in centimetres."""

    def __init__(self, meshes: Floats, rest: Floats) -> None:
        self._meshes = meshes
        self._rest = rest
        self._chin_drop = self._moved(*_CHIN, axis=1)
        self._gap = _length(meshes[:, 13] - meshes[:, 14])
        self._open = _ramp(self._gap, 0.1, 0.8)
        self._closed = 1 - _ramp(self._gap, 0.1, 0.3)

    def _moved(self, *points: int, axis: int) -> Floats:
        """How far the middle of some landmarks moved: x to the right, y down."""
        index = list(points)
        now, before = self._meshes[:, index, axis].mean(1), self._rest[index, axis].mean()
        return np.asarray(now - before, np.float32)

    def _longer(self, a: int, b: int) -> Floats:
        """How much longer the way from a to b became."""
        return _length(self._meshes[:, a] - self._meshes[:, b]) - _length(
            self._rest[a] - self._rest[b]
        )

    def all(self) -> dict[str, Floats]:
        found = self._jaw() | self._middle()
        for side in (_LEFT, _RIGHT):
            parts = self._eye(side) | self._mouth_side(side) | self._upper_face(side)
            found |= {name + side.name: value for name, value in parts.items()}
        return found

    def _jaw(self) -> dict[str, Floats]:
        # The chin alone is tracked with noise; the lower lip goes with the jaw.
        drop = (self._chin_drop + self._moved(14, axis=1)) / 2
        jaw_open = _ramp(np.maximum(drop, self._chin_drop), 0.08, 1.7)
        aside = self._moved(*_CHIN, axis=0)
        # Relaxed lips part about twice as far as the chin drops (GRID); what is missing is closed.
        held = _ramp(self._chin_drop - self._gap / 2, 0.08, 1.7)
        return {
            "jawOpen": jaw_open,
            "mouthClose": np.minimum(held, jaw_open),
            "jawLeft": _ramp(aside, 0.15, 1.0),
            "jawRight": _ramp(-aside, 0.15, 1.0),
        }

    def _middle(self) -> dict[str, Floats]:
        narrow = _ramp(-self._longer(61, 291), 0.25, 1.5)
        aside = self._moved(0, 13, 14, 17, axis=0)
        inner_brows = -self._moved(*_LEFT.brow_inner, *_RIGHT.brow_inner, axis=1)
        rise = -self._moved(0, axis=1)
        push = -self._moved(17, axis=1)
        return {
            "mouthFunnel": narrow * self._open,
            "mouthPucker": narrow * (1 - self._open),
            "mouthLeft": _ramp(aside, 0.12, 0.9),
            "mouthRight": _ramp(-aside, 0.12, 0.9),
            "mouthRollUpper": _ramp(-self._longer(0, 13), 0.15, 0.6),
            "mouthRollLower": _ramp(-self._longer(17, 14), 0.15, 0.6),
            "mouthShrugUpper": self._closed * _ramp(rise, 0.3, 0.9),
            "mouthShrugLower": self._closed * _ramp(push, 0.3, 0.9),
            "browInnerUp": _ramp(inner_brows, 0.08, 0.6),
        }

    def _mouth_side(self, side: _Side) -> dict[str, Floats]:
        up = -self._moved(side.mouth_corner, axis=1)
        out = side.outward * self._moved(side.mouth_corner, axis=0)
        back = self._moved(side.mouth_corner, axis=2)
        thinner = -self._longer(*side.upper_lip) - self._longer(*side.lower_lip)
        upper, lower = side.upper_lip[0], side.lower_lip[0]
        return {
            "mouthSmile": _ramp(0.7 * (up + out), 0.12, 0.8),
            # An open jaw draws the corners down without a frown.
            "mouthFrown": _ramp(-up - 0.3 * np.maximum(self._chin_drop, 0), 0.2, 0.8),
            "mouthStretch": _ramp(out - np.maximum(up, 0), 0.15, 0.8),
            "mouthDimple": self._closed * _ramp(np.minimum(back, out + 0.2), 0.2, 0.7),
            "mouthPress": self._closed * _ramp(thinner, 0.15, 0.7),
            "mouthUpperUp": _ramp(-self._moved(upper, axis=1), 0.25, 0.9),
            "mouthLowerDown": _ramp(self._moved(lower, axis=1) - self._chin_drop, 0.2, 0.9),
        }

    def _eye(self, side: _Side) -> dict[str, Floats]:
        pairs = list(zip(side.upper_lid, side.lower_lid, strict=True))
        opening = sum(_length(self._meshes[:, a] - self._meshes[:, b]) for a, b in pairs)
        share = np.asarray(opening / sum(_length(self._rest[a] - self._rest[b]) for a, b in pairs))
        corners = side.eye_corners
        blink = _ramp(1 - share, 0.15, 0.75)
        aside = self._moved(side.iris, axis=0) - self._moved(*corners, axis=0)
        down = self._moved(side.iris, axis=1) - self._moved(*corners, axis=1)
        lower = self._moved(*corners, axis=1) - self._moved(*side.lower_lid, axis=1)
        seen = 1 - blink  # under a closed lid the tracked iris follows the lid
        return {
            "eyeBlink": blink,
            "eyeWide": _ramp(share - 1, 0.1, 0.4),
            "eyeSquint": seen * _ramp(lower, 0.15, 0.4),
            "eyeLookOut": seen * _ramp(side.outward * aside, 0.04, 0.5),
            "eyeLookIn": seen * _ramp(-side.outward * aside, 0.04, 0.5),
            "eyeLookDown": seen * _ramp(down, 0.05, 0.4),
            "eyeLookUp": seen * _ramp(-down, 0.05, 0.4),
        }

    def _upper_face(self, side: _Side) -> dict[str, Floats]:
        inner = -self._moved(*side.brow_inner, axis=1)
        outer = -self._moved(*side.brow_outer, axis=1)
        wing = -self._longer(side.nose_wing, side.eye_corners[1])
        return {
            "browDown": _ramp(-(inner + outer) / 2, 0.06, 0.45),
            "browOuterUp": _ramp(outer, 0.08, 0.6),
            "cheekSquint": _ramp(-self._moved(side.cheek, axis=1), 0.25, 0.7),
            "noseSneer": _ramp(wing, 0.15, 0.5),
        }


def _length(vectors: Floats) -> Floats:
    return np.asarray(np.linalg.norm(vectors, axis=-1), np.float32)
