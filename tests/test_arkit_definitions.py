"""The ARKit coefficients against their definitions: plain ones, for one side of one mesh."""

from __future__ import annotations

import math
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jamflow_rt.codec.arkit import ALWAYS_ZERO, ARKIT_NAMES, ArkitMap
from jamflow_rt.codec.arkit_landmarks import LEFT, RIGHT, Side
from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.motion import MotionSpace

Floats = NDArray[np.float32]

SPACE = MotionSpace.load(
    Path(str(resources.files("jamflow_rt") / "assets" / "default" / "motion.safetensors"))
)
CHIN = (152, 148, 377)


def ramp(value: float, zero: float, one: float) -> float:
    """0 up to `zero`, 1 from `one` on, straight between."""
    return min(max((value - zero) / (one - zero), 0.0), 1.0)


class Defined:
    """The coefficients of a mesh against another one at rest, both (478, 3)."""

    def __init__(self, mesh: Floats, rest: Floats) -> None:
        unit = math.dist(rest[33], rest[263]) / 8.8
        self.mesh = mesh.astype(np.float64) / unit
        self.rest = rest.astype(np.float64) / unit
        self.gap = math.dist(self.mesh[13], self.mesh[14])
        self.chin = self.down(*CHIN)

    def moved(self, axis: int, points: tuple[int, ...]) -> float:
        index = list(points)
        return float(self.mesh[index, axis].mean() - self.rest[index, axis].mean())

    def right(self, *points: int) -> float:
        return self.moved(0, points)

    def down(self, *points: int) -> float:
        return self.moved(1, points)

    def longer(self, a: int, b: int) -> float:
        return math.dist(self.mesh[a], self.mesh[b]) - math.dist(self.rest[a], self.rest[b])

    def all(self) -> dict[str, float]:
        found = dict.fromkeys(ALWAYS_ZERO, 0.0) | self.middle()
        for side in (LEFT, RIGHT):
            halves = self.mouth(side) | self.eye(side) | self.upper_face(side)
            found |= {name + side.name: value for name, value in halves.items()}
        return found

    def middle(self) -> dict[str, float]:
        narrow = ramp(-self.longer(61, 291), 0.25, 1.5)
        parted, closed = ramp(self.gap, 0.1, 0.8), 1 - ramp(self.gap, 0.1, 0.3)
        lips, brows = self.right(0, 13, 14, 17), self.down(285, 295, 55, 65)
        opened = ramp(max((self.chin + self.down(14)) / 2, self.chin), 0.08, 1.7)
        return {
            "jawOpen": opened,
            "jawLeft": ramp(self.right(*CHIN), 0.15, 1.0),
            "jawRight": ramp(-self.right(*CHIN), 0.15, 1.0),
            "mouthClose": min(ramp(self.chin - self.gap / 2, 0.08, 1.7), opened),
            "mouthFunnel": narrow * parted,
            "mouthPucker": narrow * (1 - parted),
            "mouthLeft": ramp(lips, 0.12, 0.9),
            "mouthRight": ramp(-lips, 0.12, 0.9),
            "mouthRollUpper": ramp(-self.longer(0, 13), 0.15, 0.6),
            "mouthRollLower": ramp(-self.longer(17, 14), 0.15, 0.6),
            "mouthShrugUpper": closed * ramp(-self.down(0), 0.3, 0.9),
            "mouthShrugLower": closed * ramp(-self.down(17), 0.3, 0.9),
            "browInnerUp": ramp(-brows, 0.08, 0.6),
        }

    def mouth(self, side: Side) -> dict[str, float]:
        closed = 1 - ramp(self.gap, 0.1, 0.3)
        up, out = -self.down(side.mouth_corner), side.outward * self.right(side.mouth_corner)
        back = self.moved(2, (side.mouth_corner,))
        thinner = -self.longer(*side.upper_lip) - self.longer(*side.lower_lip)
        return {
            "mouthSmile": ramp(0.7 * (up + out), 0.12, 0.8),
            "mouthFrown": ramp(-up - 0.3 * max(self.chin, 0), 0.2, 0.8),
            "mouthStretch": ramp(out - max(up, 0), 0.15, 0.8),
            "mouthDimple": closed * ramp(min(back, out + 0.2), 0.2, 0.7),
            "mouthPress": closed * ramp(thinner, 0.15, 0.7),
            "mouthUpperUp": ramp(-self.down(side.upper_lip[0]), 0.25, 0.9),
            "mouthLowerDown": ramp(self.down(side.lower_lip[0]) - self.chin, 0.2, 0.9),
        }

    def eye(self, side: Side) -> dict[str, float]:
        lids = list(zip(side.upper_lid, side.lower_lid, strict=True))
        now, before = (sum(math.dist(m[a], m[b]) for a, b in lids) for m in (self.mesh, self.rest))
        blink = ramp(1 - now / before, 0.15, 0.75)
        out = side.outward * (self.right(side.iris) - self.right(*side.eye_corners))
        down = self.down(side.iris) - self.down(*side.eye_corners)
        lower = self.down(*side.eye_corners) - self.down(*side.lower_lid)
        return {
            "eyeBlink": blink,
            "eyeWide": ramp(now / before - 1, 0.1, 0.4),
            "eyeSquint": (1 - blink) * ramp(lower, 0.15, 0.4),
            "eyeLookOut": (1 - blink) * ramp(out, 0.04, 0.5),
            "eyeLookIn": (1 - blink) * ramp(-out, 0.04, 0.5),
            "eyeLookDown": (1 - blink) * ramp(down, 0.05, 0.4),
            "eyeLookUp": (1 - blink) * ramp(-down, 0.05, 0.4),
        }

    def upper_face(self, side: Side) -> dict[str, float]:
        inner, outer = self.down(*side.brow_inner), self.down(*side.brow_outer)
        return {
            "browDown": ramp((inner + outer) / 2, 0.06, 0.45),
            "browOuterUp": ramp(-outer, 0.08, 0.6),
            "cheekSquint": ramp(-self.down(side.cheek), 0.25, 0.7),
            "noseSneer": ramp(-self.longer(side.nose_wing, side.eye_corners[1]), 0.15, 0.5),
        }


def by_definition(mesh: Floats, rest: Floats) -> list[float]:
    found = Defined(mesh, rest).all()
    assert len(found) == len(ARKIT_NAMES)
    return [found[name] for name in ARKIT_NAMES]


@given(st.integers(0, 10**6), st.floats(0.01, 0.6), st.floats(0.5, 3))
def test_any_mesh(seed: int, noise: float, size: float) -> None:
    random = np.random.default_rng(seed)
    rest = (size * SPACE.neutral + random.normal(0, 0.1, (478, 3))).astype(np.float32)
    meshes = (rest + random.normal(0, noise, (3, 478, 3))).astype(np.float32)
    found = ArkitMap(rest).coefficients(meshes)
    wanted = [by_definition(mesh, rest) for mesh in meshes]
    assert found == pytest.approx(np.array(wanted), abs=1e-5)


@given(st.integers(0, 10**6))
def test_faces_of_the_motion_space(seed: int) -> None:
    latents = np.random.default_rng(seed).normal(0, 2, (4, SPACE.size)).astype(np.float32)
    arkit = ArkitMap(SPACE.neutral)
    meshes = SPACE.meshes(latents)
    together = arkit.coefficients(meshes)
    for mesh, row in zip(meshes, together, strict=True):
        one = arkit.of(FaceState(mesh, np.zeros(3, np.float32), np.zeros(2, np.float32), 1.0))
        assert list(one) == list(ARKIT_NAMES)
        assert list(one.values()) == pytest.approx(row, abs=1e-5)
        assert row == pytest.approx(by_definition(mesh, SPACE.neutral), abs=1e-5)
    assert arkit.coefficients(meshes[:0]).shape == (0, 52)


def test_every_coefficient_but_three_can_be_seen_between_0_and_1() -> None:
    random = np.random.default_rng(0)
    meshes = (SPACE.neutral + random.normal(0, 0.4, (600, 478, 3))).astype(np.float32)
    found = ArkitMap(SPACE.neutral).coefficients(meshes)
    between = ((found > 0) & (found < 1)).any(axis=0)
    unseen = {name for name, seen in zip(ARKIT_NAMES, between, strict=True) if not seen}
    assert unseen == ALWAYS_ZERO
