"""A photograph becomes a portrait. The photographs here show the drawn portrait that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.mesh import MeshRenderer
from jamflow_rt.render.photo import SMALLEST_FACE, portrait_from_photo
from jamflow_rt.render.portrait import Portrait
from jamflow_rt.render.portraits import load_portrait
from jamflow_rt.render.topology import EYES, LOWER_LIP, UPPER_LIP
from tests.toy import toy_space

NEUTRAL = toy_space().neutral
SIZE = 400
ZERO = np.zeros(3, np.float32)


def face(landmarks: np.ndarray = NEUTRAL, turn: tuple[float, ...] = (0, 0, 0)) -> FaceState:
    return FaceState(landmarks, np.array(turn, np.float32), ZERO[:2], 1.0)


def with_gap(gap: float) -> np.ndarray:
    moved = NEUTRAL.copy()
    moved[LOWER_LIP.rings[1:, 1:-1], 1] += gap
    return moved


def around(place: np.ndarray, reach: int) -> tuple[slice, slice]:
    x, y = place.astype(int)
    return slice(y - reach, y + reach + 1), slice(x - reach, x + reach + 1)


def photograph(state: FaceState) -> tuple[np.ndarray, np.ndarray]:
    """A picture of the shipped portrait and its landmarks in pixels, depth included."""
    sitter = load_portrait()
    renderer = MeshRenderer(sitter, NEUTRAL, SIZE)
    flat = renderer.landmarks(state)
    turned = (
        renderer._transfer(state.landmarks) @ Rotation.from_rotvec(state.rotation).as_matrix().T
    )
    return renderer.render(state), np.column_stack([flat, turned[:, 2] * sitter.unit * SIZE])


@pytest.fixture(scope="module")
def plain() -> tuple[np.ndarray, Portrait]:
    picture, landmarks = photograph(face())
    return picture, portrait_from_photo(picture, landmarks.astype(np.float32), "copy")


def test_at_rest_it_is_the_photograph(plain: tuple[np.ndarray, Portrait]) -> None:
    picture, portrait = plain
    renderer = MeshRenderer(portrait, NEUTRAL, SIZE)
    shown = renderer.render(face()).astype(float)
    # The cut is found again by where the face lies in both.
    there, here = photograph(face())[1][:468, :2], renderer.landmarks(face())[:468]
    ratio = np.ptp(there[:, 1]) / np.ptp(here[:, 1])
    left, top = (there.mean(0) - ratio * here.mean(0)).round().astype(int)
    side = round(ratio * SIZE)
    cut = Image.fromarray(picture[top : top + side, left : left + side]).resize((SIZE, SIZE))
    assert np.abs(shown - np.array(cut)).mean() < 3.0


def test_lips_part_on_a_mouth_and_meet_again(plain: tuple[np.ndarray, Portrait]) -> None:
    renderer = MeshRenderer(plain[1], NEUTRAL, SIZE)
    shut, parted = (renderer.landmarks(face(with_gap(gap))) for gap in (0.0, 1.2))
    for marks, least, most in ((shut, -0.5, 0.5), (parted, 6, 40)):
        gap = marks[LOWER_LIP.inner[5], 1] - marks[UPPER_LIP.inner[5], 1]
        assert least <= gap <= most
    rest, speaking = (renderer.render(face(with_gap(gap))).astype(int) for gap in (0.0, 1.2))
    middle = (parted[UPPER_LIP.inner[5]] + parted[LOWER_LIP.inner[5]]) / 2
    near = around(middle, 4)
    assert np.abs(speaking[near] - rest[near]).max() > 40


def test_the_head_turns_and_the_edges_stand_still(plain: tuple[np.ndarray, Portrait]) -> None:
    renderer = MeshRenderer(plain[1], NEUTRAL, SIZE)
    still, turned = (renderer.render(face(turn=t)).astype(int) for t in ((0, 0, 0), (0, 0.3, 0.1)))
    for edge in (np.s_[:2], np.s_[-2:], np.s_[:, :2], np.s_[:, -2:]):
        assert np.abs(still[edge] - turned[edge]).max() <= 2
    assert np.abs(still - turned)[120:300, 120:280].mean() > 5


def test_a_blink_covers_the_eyes(plain: tuple[np.ndarray, Portrait]) -> None:
    renderer = MeshRenderer(plain[1], NEUTRAL, SIZE)
    shut = NEUTRAL.copy()
    for eye in EYES:
        shut[eye.upper[1:-1]] = shut[eye.lower[1:-1]]
    marks = renderer.landmarks(face())
    awake, blinking = renderer.render(face()).astype(int), renderer.render(face(shut)).astype(int)
    for eye in EYES:
        near = around(marks[eye.iris], 2)
        assert np.abs(awake[near] - blinking[near]).mean() > 20


def test_parted_lips_of_a_photograph_close_at_rest() -> None:
    picture, landmarks = photograph(face(with_gap(1.0)))
    portrait = portrait_from_photo(picture, landmarks.astype(np.float32), "smile")
    assert "own_teeth" in [layer.name for layer in portrait.layers]
    marks = MeshRenderer(portrait, NEUTRAL, SIZE).landmarks(face())
    gap = marks[LOWER_LIP.inner[1:-1], 1] - marks[UPPER_LIP.inner[1:-1], 1]
    assert np.abs(gap).max() < 0.5


def test_a_turned_head_keeps_its_pose(tmp_path: Path) -> None:
    picture, landmarks = photograph(face(turn=(0.05, 0.2, 0.1)))
    portrait = portrait_from_photo(picture, landmarks.astype(np.float32), "turned")
    held = Rotation.from_matrix(portrait.pose).as_rotvec()
    assert held == pytest.approx([0.05, 0.2, 0.1], abs=0.08)
    marks = MeshRenderer(portrait, NEUTRAL, SIZE).landmarks(face())
    assert np.abs(marks - landmarks[:, :2]).mean() < 4.0
    portrait.save(tmp_path)
    again = Portrait.load(tmp_path)
    assert np.array_equal(again.pose, portrait.pose)


def test_what_will_not_do_is_named() -> None:
    picture, landmarks = photograph(face())
    small = picture[::4, ::4], landmarks.astype(np.float32) / 4
    with pytest.raises(InvalidInput, match=f"{SMALLEST_FACE} are needed"):
        portrait_from_photo(*small, "small")
    with pytest.raises(InvalidInput, match="cut off"):
        portrait_from_photo(picture[:, :190], landmarks.astype(np.float32), "half")
    turned = landmarks.astype(np.float32)
    middle = turned.mean(0)
    away = Rotation.from_rotvec([0, 0.7, 0]).as_matrix().astype(np.float32)
    with pytest.raises(InvalidInput, match="into the camera"):
        portrait_from_photo(picture, (turned - middle) @ away.T + middle, "profile")
