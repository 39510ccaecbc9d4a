from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.codec.face import FaceState
from jamflow_rt.render.badge import Badge, BadgedRenderer, badge_for
from jamflow_rt.stream.playout import Painter
from tests.serve_fakes import FACE


class Plain:
    """A renderer of one grey."""

    def __init__(self, grey: int, size: int = 128) -> None:
        self.size = size
        self._grey = grey

    def render(self, face: FaceState) -> np.ndarray:
        return np.full((self.size, self.size, 3), self._grey, np.uint8)


def part(picture: np.ndarray, badge: Badge) -> np.ndarray:
    left, top, right, bottom = badge.box
    return picture[top:bottom, left:right]


@pytest.mark.parametrize("size", [256, 512, 1024])
@pytest.mark.parametrize("grey", [0, 60, 128, 255])
def test_letters_stand_out_on_any_ground(size: int, grey: int) -> None:
    picture = Plain(grey, size).render(FACE)
    badge = badge_for(size, size)
    badge.draw(picture)
    shown = part(picture, badge)[..., 0]
    height, width = shown.shape
    letters, plate = shown.max(), shown[height // 2, round(0.06 * width)]
    assert int(letters) - int(plate) > 120
    # Both letters: bright columns, a gap between A and I, dark ones beside them. The plate's round
    # corners are not looked at.
    bright = shown > (int(letters) + int(plate)) / 2
    across = bright[height // 4 : -height // 4].any(axis=0)
    assert len(np.flatnonzero(np.diff(across.astype(int)))) == 4
    assert bright[:, width // 4 : -width // 4].any(axis=1).sum() >= 8


@pytest.mark.parametrize("size", [256, 512, 1024])
def test_it_is_discreet(size: int) -> None:
    picture = Plain(90, size).render(FACE)
    badge = badge_for(size, size)
    badge.draw(picture)
    changed = (picture != 90).any(axis=2)
    assert 0.001 < changed.mean() < 0.01
    left, top, right, bottom = badge.box
    assert left > 0.8 * size and top > 0.85 * size
    assert right < size and bottom < size
    changed[top:bottom, left:right] = False
    assert not changed.any()


@given(st.integers(1, 80), st.integers(1, 80), st.integers(0, 255))
def test_any_size_and_any_grey_stay_in_bounds(width: int, height: int, grey: int) -> None:
    picture = np.full((height, width, 3), grey, np.uint8)
    badge = Badge(width, height)
    badge.draw(picture)
    left, top, right, bottom = badge.box
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    # Veils of dark grey and white: nothing wraps around.
    assert picture.min() >= min(grey, 16) - 1


async def test_a_badged_renderer_paints_for_a_playout() -> None:
    with ThreadPoolExecutor(1) as executor:
        painter = Painter(BadgedRenderer(Plain(90)), executor)
        drawn = await painter.start(FACE)
        again = painter.paint(FACE)
    assert not painter.busy
    expected = Plain(90).render(FACE)
    assert (drawn != expected).any()
    # Each picture is badged once, whatever was drawn before.
    np.testing.assert_array_equal(drawn, again)
    assert BadgedRenderer(Plain(90)).size == 128
