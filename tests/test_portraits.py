"""Every portrait that comes with the package, judged by its pixels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from jamflow_rt.codec.face import FaceState
from jamflow_rt.render import MeshRenderer, load_portrait, portrait_names
from jamflow_rt.render.topology import EYES, LOWER_LIP, UPPER_LIP

Array = NDArray[np.float32]


class Sitter:
    """A portrait that is its own speaker."""

    def __init__(self, name: str) -> None:
        self.portrait = load_portrait(name)
        self.rest = self.portrait.landmarks
        self.renderer = MeshRenderer(self.portrait, self.rest)

    def state(self, mesh: Array | None = None, turn: tuple[float, ...] = (0, 0, 0)) -> FaceState:
        still = np.zeros(2, np.float32)
        return FaceState(
            self.rest if mesh is None else mesh, np.array(turn, np.float32), still, 1.0
        )

    def jaw_down(self, amount: float) -> Array:
        mesh = self.rest.copy()
        lips = LOWER_LIP.rings[:, 1:-1]
        share = np.where(mesh[:, 1] > mesh[14, 1], np.exp(-((mesh[:, 0] / 4.5) ** 2)), 0)
        share[468:] = 0
        share[UPPER_LIP.rings] = 0
        share[lips] = np.clip(1 - (mesh[lips, 0] / 2.9) ** 2, 0, 1)
        mesh[:, 1] += (amount * share).astype(np.float32)
        return mesh

    def blink(self) -> Array:
        mesh = self.rest.copy()
        for eye in EYES:
            mesh[eye.upper] = mesh[eye.lower] + 0.15 * (mesh[eye.upper] - mesh[eye.lower])
        return mesh

    def interior(self, face: FaceState) -> int:
        """Pixels about the lips as dark as the inside of the mouth."""
        marks = self.renderer.landmarks(face)[np.r_[UPPER_LIP.outer, LOWER_LIP.outer]]
        (x0, y0), (x1, y1) = np.floor(marks.min(0)).astype(int), np.ceil(marks.max(0)).astype(int)
        mouth = self.renderer.render(face)[y0:y1, x0:x1].astype(int)
        dark = mouth.max(-1) < 80
        return int(dark.sum())


@pytest.fixture(scope="module", params=portrait_names())
def sitter(request: pytest.FixtureRequest) -> Sitter:
    return Sitter(request.param)


@pytest.mark.parametrize("size", [512, 1024])
def test_it_fills_a_picture(sitter: Sitter, size: int) -> None:
    picture = MeshRenderer(sitter.portrait, sitter.rest, size).render(sitter.state())
    assert picture.shape == (size, size, 3)
    assert 60 < picture.mean() < 220
    assert picture.std() > 25


def test_closed_lips_are_closed_and_open_ones_open(sitter: Sitter) -> None:
    shut, wide = sitter.state(), sitter.state(sitter.jaw_down(1.6))
    marks = sitter.renderer.landmarks(shut)
    np.testing.assert_allclose(marks[UPPER_LIP.inner], marks[LOWER_LIP.inner], atol=1e-3)
    marks = sitter.renderer.landmarks(wide)
    assert marks[14, 1] - marks[13, 1] > 12
    assert sitter.interior(shut) < 12
    assert sitter.interior(wide) > 150


def test_a_blink_hides_the_iris(sitter: Sitter) -> None:
    opened = sitter.renderer.render(sitter.state()).astype(int)
    shut = sitter.renderer.render(sitter.state(sitter.blink())).astype(int)
    marks = sitter.renderer.landmarks(sitter.state())
    for eye in EYES:
        x, y = np.round(marks[eye.iris]).astype(int)
        pupil, lid = (picture[y - 1 : y + 2, x - 1 : x + 2] for picture in (opened, shut))
        assert pupil.mean() < 80
        red, green, blue = lid.reshape(-1, 3).mean(0)
        assert red > 90
        assert red > green + 20 > blue + 20


@pytest.mark.parametrize("turn", [(0.3, 0.35, 0.1), (-0.3, -0.35, -0.1), (0, 0.4, 0)])
def test_a_turned_head_has_no_holes(sitter: Sitter, turn: tuple[float, ...]) -> None:
    sitter.renderer.render(sitter.state(sitter.jaw_down(1.0), turn))
    assert (sitter.renderer._frame >> np.uint64(48) == 255).all()


def test_left_and_right_are_lit_but_shaped_alike(sitter: Sitter) -> None:
    for one, other in ((33, 263), (61, 291), (234, 454), (105, 334)):
        np.testing.assert_allclose(sitter.rest[one, 0], -sitter.rest[other, 0], atol=0.06)


def test_everybody_looks_different() -> None:
    pictures = []
    for name in portrait_names():
        sitter = Sitter(name)
        pictures.append(sitter.renderer.render(sitter.state()).astype(int))
    for n, one in enumerate(pictures):
        for other in pictures[:n]:
            assert np.abs(one - other).mean() > 15
