"""The mesh-warp renderer, judged by its pixels."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import InvalidInput
from jamflow_rt.render import MeshRenderer, load_portrait
from jamflow_rt.render.topology import EYES, LOWER_LIP, UPPER_LIP

Array = NDArray[np.float32]
PORTRAIT = load_portrait()


def neutral() -> Array:
    """Someone else at rest: wider, with a smaller eye opening, lips a hair apart."""
    mesh = PORTRAIT.landmarks * np.array([1.1, 1.05, 0.9], np.float32)
    for eye in EYES:
        middle = (mesh[eye.upper] + mesh[eye.lower]) / 2
        mesh[eye.upper] = middle + 0.7 * (mesh[eye.upper] - middle)
        mesh[eye.lower] = middle + 0.7 * (mesh[eye.lower] - middle)
    mesh[LOWER_LIP.inner[1:-1], 1] += 0.03
    return mesh.astype(np.float32)


NEUTRAL = neutral()


def state(mesh: Array | None = None, **pose: object) -> FaceState:
    zero = np.zeros(3, np.float32)
    face = FaceState(NEUTRAL if mesh is None else mesh, zero, zero[:2], 1.0)
    return dataclasses.replace(face, **pose)  # type: ignore[arg-type]


def jaw_down(amount: float) -> Array:
    """The lower lip and the chin lowered by `amount`."""
    mesh = NEUTRAL.copy()
    x, y = mesh[:, 0], mesh[:, 1]
    seam = NEUTRAL[14, 1]
    share = np.where(y > seam, 1.0, 0.0) * np.exp(-((x / 4.5) ** 2))
    share[UPPER_LIP.rings] = 0
    share[LOWER_LIP.rings[:, 1:-1]] = np.clip(1 - (x[LOWER_LIP.rings[:, 1:-1]] / 2.9) ** 2, 0, 1)
    mesh[:, 1] += (amount * share).astype(np.float32)
    return mesh


def blink() -> Array:
    mesh = NEUTRAL.copy()
    for eye in EYES:
        # Trackers never quite see an eye shut.
        mesh[eye.upper] = mesh[eye.lower] + 0.15 * (mesh[eye.upper] - mesh[eye.lower])
    return mesh


@pytest.fixture(scope="module")
def renderer() -> MeshRenderer:
    made = MeshRenderer(PORTRAIT, NEUTRAL)
    made.warm_up()
    return made


def patch(picture: NDArray[np.uint8], points: Array, grow: int = 0) -> NDArray[np.int_]:
    """The pixels in the rectangle around some points."""
    x0, y0 = np.floor(points.min(0)).astype(int) - grow
    x1, y1 = np.ceil(points.max(0)).astype(int) + grow
    return picture[y0:y1, x0:x1].astype(int)


def test_picture_is_rgb_of_the_size(renderer: MeshRenderer) -> None:
    picture = renderer.render(state())
    assert picture.shape == (512, 512, 3)
    assert picture.dtype == np.uint8
    assert renderer.size == 512


def test_each_picture_is_its_own(renderer: MeshRenderer) -> None:
    first = renderer.render(state())
    kept = first.copy()
    renderer.render(state(jaw_down(1.5)))
    np.testing.assert_array_equal(first, kept)


def test_same_face_same_picture(renderer: MeshRenderer) -> None:
    face = state(jaw_down(0.6), rotation=np.array([0.05, 0.1, 0.02], np.float32))
    first = renderer.render(face)
    renderer.render(state())
    np.testing.assert_array_equal(renderer.render(face), first)
    np.testing.assert_array_equal(MeshRenderer(PORTRAIT, NEUTRAL).render(face), first)


def interior(renderer: MeshRenderer, face: FaceState) -> int:
    """Pixels between the lips that are dark inside or tooth."""
    marks = renderer.landmarks(face)
    lips = np.concatenate([UPPER_LIP.inner[3:8], LOWER_LIP.inner[3:8]])
    mouth = patch(renderer.render(face), marks[lips], grow=1)
    red, green = mouth[..., 0], mouth[..., 1]
    dark = red < 90
    tooth = (green > 175) & (red - green < 40)
    return int((dark | tooth).sum())


def test_closed_lips_show_no_interior_and_open_lips_do(renderer: MeshRenderer) -> None:
    assert interior(renderer, state()) == 0
    assert interior(renderer, state(jaw_down(1.5))) > 150


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.3, 0.35, 0.2), (-0.3, -0.35, -0.2)])
@pytest.mark.parametrize("jaw", [-0.1, 0.0, 1.0, 2.2])
def test_the_interior_shows_between_the_lips_only(
    renderer: MeshRenderer, turn: tuple[float, float, float], jaw: float
) -> None:
    inner = ("cavity", "tongue", "teeth")
    layers = tuple(layer for layer in PORTRAIT.layers if layer.name not in inner)
    assert len(layers) == len(PORTRAIT.layers) - 3
    hollow = MeshRenderer(dataclasses.replace(PORTRAIT, layers=layers), NEUTRAL)
    face = state(jaw_down(jaw), rotation=np.array(turn, np.float32))
    differs = np.abs(renderer.render(face).astype(int) - hollow.render(face)).max(-1) > 12
    marks = renderer.landmarks(face)
    y0, x0 = marks[np.r_[UPPER_LIP.inner, LOWER_LIP.inner]].min(0)[::-1] - 2
    y1, x1 = marks[np.r_[UPPER_LIP.inner, LOWER_LIP.inner]].max(0)[::-1] + 2
    rows, columns = np.nonzero(differs)
    assert ((rows >= y0) & (rows <= y1) & (columns >= x0) & (columns <= x1)).all()
    assert differs.any() == (jaw > 0)


def test_pressed_lips_stay_closed(renderer: MeshRenderer) -> None:
    mesh = NEUTRAL.copy()
    mesh[LOWER_LIP.inner[1:-1], 1] -= 0.1
    assert interior(renderer, state(mesh)) == 0
    marks = renderer.landmarks(state(mesh))
    assert (marks[LOWER_LIP.inner, 1] - marks[UPPER_LIP.inner, 1] > -1e-3).all()


def test_lip_gap_grows_with_the_jaw(renderer: MeshRenderer) -> None:
    gaps = []
    for amount in (0.0, 0.1, 0.3, 0.7, 1.2, 2.0):
        marks = renderer.landmarks(state(jaw_down(amount)))
        gaps.append(float(marks[14, 1] - marks[13, 1]))
    assert gaps[0] == pytest.approx(0, abs=1e-3)
    assert all(np.diff(gaps) > 0)


def test_landmarks_lie_where_the_picture_shows_them(renderer: MeshRenderer) -> None:
    face = state(
        jaw_down(1.6),
        rotation=np.array([0.0, 0.15, 0.1], np.float32),
        translation=np.array([1.0, -0.6], np.float32),
        scale=1.1,
    )
    marks, picture = renderer.landmarks(face), renderer.render(face)
    lip = picture[tuple(np.round(marks[16]).astype(int)[::-1])].astype(int)
    inside = picture[tuple(np.round(marks[[13, 14]].mean(0)).astype(int)[::-1])].astype(int)
    assert lip[0] > 150
    assert inside[0] < 110
    for eye in EYES:
        pupil = picture[tuple(np.round(marks[eye.iris]).astype(int)[::-1])].astype(int)
        assert pupil.max() < 90


def test_closed_lids_hide_the_iris(renderer: MeshRenderer) -> None:
    opened, shut = renderer.render(state()), renderer.render(state(blink()))
    marks = renderer.landmarks(state())
    for eye in EYES:
        spot = marks[[eye.iris]]
        white = marks[[eye.iris]] + [[9, 0]]
        assert patch(opened, spot, 2).mean() < 80
        for place in (spot, white):
            lid = patch(shut, place, 1).reshape(-1, 3).mean(0)
            # Skin: red above green above blue, none of it dark.
            assert lid[0] > 150
            assert lid[0] > lid[1] + 20 > lid[2] + 20


def test_the_gaze_moves_the_iris_within_the_lids(renderer: MeshRenderer) -> None:
    mesh = NEUTRAL.copy()
    mesh[468:478, 0] += 0.35
    rest, looking = renderer.landmarks(state()), renderer.landmarks(state(mesh))
    for eye in EYES:
        assert 1.5 < looking[eye.iris, 0] - rest[eye.iris, 0] < 8
        np.testing.assert_allclose(looking[eye.upper], rest[eye.upper], atol=1e-3)
    assert not np.array_equal(renderer.render(state()), renderer.render(state(mesh)))


def test_brows_move(renderer: MeshRenderer) -> None:
    brow = [107, 66, 105, 63, 70, 55, 65, 52, 53, 46]
    mesh = NEUTRAL.copy()
    mesh[brow, 1] -= 0.6
    rest, raised = renderer.landmarks(state()), renderer.landmarks(state(mesh))
    assert (rest[brow, 1] - raised[brow, 1] > 5).all()
    before, after = renderer.render(state()), renderer.render(state(mesh))
    changed = np.abs(before.astype(int) - after).sum(-1) > 30
    assert changed[patch_slice(rest[brow])].mean() > 0.1
    assert not changed[patch_slice(rest[[13, 14, 17, 0]])].any()


def patch_slice(points: Array) -> tuple[slice, slice]:
    x0, y0 = np.floor(points.min(0)).astype(int)
    x1, y1 = np.ceil(points.max(0)).astype(int) + 1
    return slice(y0, y1), slice(x0, x1)


def test_a_turn_moves_the_nose_most_and_the_border_not_at_all(renderer: MeshRenderer) -> None:
    turned = state(rotation=np.array([0, 0.17, 0], np.float32))
    shift = np.abs(renderer.landmarks(turned) - renderer.landmarks(state()))[:, 0]
    assert shift[4] > 10
    assert shift[4] > 2 * shift[[234, 454]].max()
    rest, picture = renderer.render(state()).astype(int), renderer.render(turned).astype(int)
    for border in (np.s_[:24], np.s_[:, :8], np.s_[:, -8:], np.s_[-2:]):
        np.testing.assert_allclose(rest[border], picture[border], atol=2)


@pytest.mark.parametrize("size", [64, 256, 1024])
def test_other_sizes_show_the_same(renderer: MeshRenderer, size: int) -> None:
    other = MeshRenderer(PORTRAIT, NEUTRAL, size)
    face = state(jaw_down(0.8))
    picture = other.render(face)
    assert picture.shape == (size, size, 3)
    scaled = renderer.landmarks(face) * size / 512
    np.testing.assert_allclose(other.landmarks(face), scaled, atol=1e-2)
    cells = 32
    small = picture.reshape(cells, size // cells, cells, size // cells, 3).mean((1, 3))
    large = renderer.render(face).reshape(cells, 16, cells, 16, 3).mean((1, 3))
    assert np.abs(small - large).mean() < 4


@pytest.mark.parametrize("size", [512, 1024])
def test_the_texture_stays_as_sharp_when_it_moves_by_parts_of_a_pixel(size: int) -> None:
    drawer = MeshRenderer(PORTRAIT, NEUTRAL, size)
    middle = slice(size // 4, 3 * size // 4)
    sharpness = []
    for part in np.arange(0, 1, 0.25):
        step = np.full(2, part / (PORTRAIT.unit * size), np.float32)
        grey = drawer.render(state(translation=step))[middle, middle].mean(-1)
        sharpness.append(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey)).mean())
    # A texture as coarse as the picture, read as it is, would change by a third.
    assert max(sharpness) < 1.15 * min(sharpness)


finite = st.floats(-0.6, 0.6)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    rotation=st.tuples(finite, finite, finite),
    translation=st.tuples(st.floats(-4, 4), st.floats(-4, 4)),
    scale=st.floats(0.6, 1.6),
    jaw=st.floats(-0.5, 3.0),
    seed=st.integers(0, 1000),
)
def test_every_pixel_is_painted(
    rotation: tuple[float, float, float],
    translation: tuple[float, float],
    scale: float,
    jaw: float,
    seed: int,
) -> None:
    """No hole anywhere: the frame is opaque after each drawing, whatever was in it before."""
    renderer = _SMALL
    noise = np.random.default_rng(seed).normal(0, 0.05, NEUTRAL.shape)
    face = state(
        (jaw_down(jaw) + noise).astype(np.float32),
        rotation=np.array(rotation, np.float32),
        translation=np.array(translation, np.float32),
        scale=scale,
    )
    picture = renderer.render(face)
    assert (renderer._frame >> np.uint64(48) == 255).all()
    np.testing.assert_array_equal(renderer.render(face), picture)
    assert np.isfinite(renderer.landmarks(face)).all()


_SMALL = MeshRenderer(PORTRAIT, NEUTRAL, 96)


@pytest.mark.parametrize("field", ["landmarks", "rotation", "translation", "scale"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(
    renderer: MeshRenderer, field: str, value: float
) -> None:
    face = state()
    if field == "scale":
        bad = dataclasses.replace(face, scale=value)
    else:
        array = getattr(face, field).copy()
        array.flat[1] = value
        bad = dataclasses.replace(face, **{field: array})
    for use in (renderer.render, renderer.landmarks):
        with pytest.raises(InvalidInput, match=r"NaN|finite|infinite"):
            use(bad)


def test_wrong_shapes_are_refused(renderer: MeshRenderer) -> None:
    with pytest.raises(InvalidInput, match="478"):
        renderer.render(state(NEUTRAL[:468]))
    with pytest.raises(InvalidInput, match="478"):
        MeshRenderer(PORTRAIT, NEUTRAL[:468])
    with pytest.raises(InvalidInput, match="scale"):
        renderer.render(state(scale=0.0))
    with pytest.raises(InvalidInput, match="pixels"):
        MeshRenderer(PORTRAIT, NEUTRAL, 0)
    with pytest.raises(InvalidInput, match="open"):
        shut = NEUTRAL.copy()
        for eye in EYES:
            shut[eye.upper] = shut[eye.lower]
        MeshRenderer(PORTRAIT, shut)


def test_renderers_share_a_portrait_between_threads(renderer: MeshRenderer) -> None:
    faces = [state(jaw_down(0.2 * n)) for n in range(8)]
    expected = [renderer.render(face) for face in faces]

    def work(_: int) -> list[NDArray[np.uint8]]:
        own = MeshRenderer(PORTRAIT, NEUTRAL)
        return [own.render(face) for face in faces]

    with ThreadPoolExecutor(4) as pool:
        for pictures in pool.map(work, range(4)):
            for picture, wanted in zip(pictures, expected, strict=True):
                np.testing.assert_array_equal(picture, wanted)
