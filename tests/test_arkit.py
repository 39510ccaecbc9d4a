"""ARKit coefficients from the geometry of the mesh."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from jamflow_rt.codec.arkit import ALWAYS_ZERO, ARKIT_NAMES, ArkitMap
from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.errors import InvalidInput

Floats = NDArray[np.float32]

SPACE = MotionSpace.load(
    Path(str(resources.files("jamflow_rt") / "assets" / "default" / "motion.safetensors"))
)
NEUTRAL = SPACE.neutral
MAP = ArkitMap(NEUTRAL)

UPPER_LIDS = {"Left": [385, 386, 387], "Right": [158, 159, 160]}
LOWER_LIDS = {"Left": [380, 374, 373], "Right": [153, 145, 144]}
CORNER = {"Left": 291, "Right": 61}
OUT = {"Left": 1.0, "Right": -1.0}
SIDES = ["Left", "Right"]


def other(side: str) -> str:
    return "Right" if side == "Left" else "Left"


def face(mesh: Floats) -> FaceState:
    return FaceState(mesh, np.zeros(3, np.float32), np.zeros(2, np.float32), 1.0)


def moved(points: list[int], x: float = 0, y: float = 0, z: float = 0) -> Floats:
    mesh = NEUTRAL.copy()
    mesh[points] += np.array([x, y, z], np.float32)
    return mesh


def coefficients(mesh: Floats) -> dict[str, float]:
    return MAP.of(face(mesh))


def active(mesh: Floats, above: float = 0.05) -> set[str]:
    return {name for name, value in coefficients(mesh).items() if value > above}


def with_chin_and_lower_lip(chin: float, lip: float) -> Floats:
    mesh = moved([152, 148, 377], y=chin)
    mesh[[14, 17, 84, 181, 178, 87, 314, 405, 402, 317]] += np.array([0, lip, 0], np.float32)
    return mesh


def test_names_are_apples_in_apples_order() -> None:
    assert len(ARKIT_NAMES) == len(set(ARKIT_NAMES)) == 52
    assert ARKIT_NAMES[:2] == ("eyeBlinkLeft", "eyeLookDownLeft")
    assert ARKIT_NAMES[14:19] == ("jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose")
    assert ARKIT_NAMES[19:23] == ("mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight")
    assert ARKIT_NAMES[-1] == "tongueOut"
    assert list(coefficients(NEUTRAL)) == list(ARKIT_NAMES)


def test_rest_is_all_zero() -> None:
    assert set(coefficients(NEUTRAL).values()) == {0.0}


def test_an_open_jaw() -> None:
    found = coefficients(with_chin_and_lower_lip(1.0, 1.4))
    assert 0.5 < found["jawOpen"] < 1
    assert found["mouthClose"] < 0.25
    assert coefficients(with_chin_and_lower_lip(2.0, 3.0))["jawOpen"] == 1.0


def test_lips_closed_over_an_open_jaw() -> None:
    found = coefficients(with_chin_and_lower_lip(1.0, 0.0))
    assert found["mouthClose"] > 0.4
    assert found["jawOpen"] >= found["mouthClose"]


@pytest.mark.parametrize("side", SIDES)
def test_blinks_are_of_one_eye(side: str) -> None:
    lids = NEUTRAL[LOWER_LIDS[side]] - NEUTRAL[UPPER_LIDS[side]]
    mesh = NEUTRAL.copy()
    mesh[UPPER_LIDS[side]] += 0.9 * lids
    assert active(mesh) == {"eyeBlink" + side}
    assert coefficients(mesh)["eyeBlink" + side] == 1.0


@pytest.mark.parametrize("side", SIDES)
def test_wide_and_squinting_eyes(side: str) -> None:
    assert active(moved(UPPER_LIDS[side], y=-0.35)) == {"eyeWide" + side}
    assert "eyeSquint" + side in active(moved(LOWER_LIDS[side], y=-0.35))


@pytest.mark.parametrize(
    ("x", "y", "left", "right"),
    [
        (0.3, 0, "eyeLookOutLeft", "eyeLookInRight"),
        (-0.3, 0, "eyeLookInLeft", "eyeLookOutRight"),
        (0, 0.3, "eyeLookDownLeft", "eyeLookDownRight"),
        (0, -0.3, "eyeLookUpLeft", "eyeLookUpRight"),
    ],
)
def test_where_the_eyes_look(x: float, y: float, left: str, right: str) -> None:
    assert active(moved([468, 473], x=x, y=y)) == {left, right}


@pytest.mark.parametrize("side", SIDES)
def test_mouth_corners(side: str) -> None:
    out = OUT[side]
    smile = coefficients(moved([CORNER[side]], x=0.5 * out, y=-0.5))
    assert smile["mouthSmile" + side] > 0.7
    assert smile["mouthSmile" + other(side)] == 0
    frown = coefficients(moved([CORNER[side]], y=0.6))
    assert frown["mouthFrown" + side] > 0.5
    assert frown["mouthSmile" + side] == frown["mouthFrown" + other(side)] == 0
    stretch = coefficients(moved([CORNER[side]], x=0.6 * out))
    assert stretch["mouthStretch" + side] > 0.5


def test_rounded_lips_are_a_funnel_when_open_and_a_pucker_when_closed() -> None:
    narrow = NEUTRAL.copy()
    narrow[61, 0] += 0.6
    narrow[291, 0] -= 0.6
    closed = coefficients(narrow)
    assert closed["mouthPucker"] > 0.6 > 0.1 > closed["mouthFunnel"]
    narrow[13, 1] -= 0.5
    narrow[14, 1] += 0.5
    open_ = coefficients(narrow)
    assert open_["mouthFunnel"] > 0.6 > 0.1 > open_["mouthPucker"]


@pytest.mark.parametrize(
    ("points", "y", "name"),
    [
        ([39], -0.7, "mouthUpperUpRight"),
        ([269], -0.7, "mouthUpperUpLeft"),
        ([181], 0.7, "mouthLowerDownRight"),
        ([405], 0.7, "mouthLowerDownLeft"),
        ([55, 65, 285, 295], -0.5, "browInnerUp"),
        ([70, 63], -0.5, "browOuterUpRight"),
        ([300, 293], -0.5, "browOuterUpLeft"),
        ([70, 63, 55, 65], 0.3, "browDownRight"),
        ([300, 293, 285, 295], 0.3, "browDownLeft"),
        ([205], -0.6, "cheekSquintRight"),
        ([425], -0.6, "cheekSquintLeft"),
    ],
)
def test_parts_that_move_up_or_down(points: list[int], y: float, name: str) -> None:
    assert active(moved(points, y=y), above=0.3) == {name}


def test_the_jaw_aside() -> None:
    chin = [152, 148, 377]
    assert active(moved(chin, x=0.6)) == {"jawLeft"}
    assert active(moved(chin, x=-0.6)) == {"jawRight"}


def test_pressed_lips() -> None:
    mesh = moved([0, 39, 269], y=0.4)
    mesh[[17, 181, 405], 1] -= 0.4
    assert {"mouthPressLeft", "mouthPressRight", "mouthRollUpper", "mouthRollLower"} <= active(mesh)


def test_size_of_the_face_does_not_matter() -> None:
    mesh = with_chin_and_lower_lip(0.8, 1.1)
    large = ArkitMap(NEUTRAL * 3).coefficients(mesh[None] * 3)
    assert np.allclose(large, MAP.coefficients(mesh[None]), atol=1e-4)


@given(st.integers(0, 1000))
def test_any_motion_gives_numbers_from_0_to_1(seed: int) -> None:
    latents = np.random.default_rng(seed).normal(0, 3, (8, SPACE.size)).astype(np.float32)
    found = MAP.coefficients(SPACE.meshes(latents))
    assert found.shape == (8, 52)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    always = [ARKIT_NAMES.index(name) for name in ALWAYS_ZERO]
    assert (found[:, always] == 0).all()


def test_bad_meshes() -> None:
    with pytest.raises(InvalidInput, match="478"):
        MAP.coefficients(np.zeros((1, 468, 3), np.float32))
    with pytest.raises(InvalidInput, match="NaN"):
        MAP.coefficients(np.full((1, 478, 3), np.nan, np.float32))
    with pytest.raises(InvalidInput, match="no face"):
        ArkitMap(np.zeros((478, 3), np.float32))
    with pytest.raises(InvalidInput, match="at rest"):
        ArkitMap(np.zeros((3, 3), np.float32))
