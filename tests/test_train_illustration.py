"""Portraits drawn by code: looks, their proportions, and the pictures that come of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jamflow_rt.codec.face import FaceState
from jamflow_rt.render import MeshRenderer, Portrait, load_portrait, portrait_names
from jamflow_rt.render.topology import EYES, LOWER_LIP, OVAL, UPPER_LIP
from jamflow_rt.train.illustration import draw
from jamflow_rt.train.illustration.design import make_design
from jamflow_rt.train.illustration.paint import Placed, Sheet
from jamflow_rt.train.illustration.people import PEOPLE

UNIT = 4  # pixels in a centimetre: a whole portrait in a second
NAMES = sorted(PEOPLE)


def at_rest(portrait: Portrait) -> NDArray[np.uint8]:
    zero = np.zeros(3, np.float32)
    face = FaceState(portrait.landmarks, zero, zero[:2], 1.0)
    return MeshRenderer(portrait, portrait.landmarks, 256).render(face)


@pytest.fixture(scope="module")
def drawn() -> dict[str, Portrait]:
    """Everybody, drawn small."""
    return {name: draw.draw_portrait(PEOPLE[name], UNIT) for name in NAMES}


def test_everybody_is_shipped_under_the_name_of_the_look() -> None:
    assert len(NAMES) >= 3
    assert tuple(NAMES) == portrait_names()
    assert all(PEOPLE[name].name == name for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_landmarks_are_those_of_the_look(name: str) -> None:
    rest = make_design(PEOPLE[name].shape).rest
    np.testing.assert_allclose(load_portrait(name).landmarks, rest, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_drawn_small_it_shows_whom_the_shipped_one_shows(
    drawn: dict[str, Portrait], name: str
) -> None:
    pictures = {other: at_rest(load_portrait(other)).astype(int) for other in NAMES}
    small = at_rest(drawn[name]).astype(int)
    away = {other: float(np.abs(small - pictures[other]).mean()) for other in NAMES}
    assert min(away, key=lambda other: away[other]) == name
    assert away[name] < 6
    assert all(away[other] > 12 for other in NAMES if other != name)


@pytest.mark.parametrize("name", NAMES)
def test_layers_lie_in_the_order_of_the_renderer(drawn: dict[str, Portrait], name: str) -> None:
    layers = [layer.name for layer in drawn[name].layers]
    assert layers == [layer.name for layer in load_portrait(name).layers]
    assert layers == list(draw.painters(PEOPLE[name]))
    assert layers[0] == "background"
    assert layers[-1] == "hair_front"
    assert ("ears" in layers) == (PEOPLE[name].ears is not None)


def test_the_same_look_is_the_same_picture(drawn: dict[str, Portrait]) -> None:
    again = draw.draw_portrait(PEOPLE["jonas"], UNIT)
    for old, new in zip(drawn["jonas"].layers, again.layers, strict=True):
        np.testing.assert_array_equal(old.image, new.image)
        np.testing.assert_array_equal(old.vertices, new.vertices)


def test_a_shaved_look_has_a_brighter_chin(drawn: dict[str, Portrait]) -> None:
    shaved = dataclasses.replace(PEOPLE["jonas"], beard=None)
    faces = []
    for look in (PEOPLE["jonas"], shaved):
        faces.append(draw.painters(look, UNIT)["face"]().image)
    rows, columns = faces[0].shape[:2]
    chin = np.s_[round(0.82 * rows) : round(0.86 * rows), columns // 2 - 4 : columns // 2 + 4, :3]
    assert faces[1][chin].mean() > faces[0][chin].mean() + 30


def test_faces_differ_in_their_proportions() -> None:
    """Width of jaw and nose, brows and eyes: nobody is another one recoloured."""
    measures = {}
    for name in NAMES:
        rest = make_design(PEOPLE[name].shape).rest
        measures[name] = {
            "jaw": np.ptp(rest[[172, 397], 0]),
            "nose": np.ptp(rest[[98, 327], 0]),
            "chin": rest[152, 1],
            "brow": rest[52, 1] - rest[105, 1],
            "eyes": np.ptp(rest[[468, 473], 0]),
            "lips": rest[17, 1] - rest[0, 1],
        }
    assert measures["jonas"]["jaw"] > 1.1 * measures["mara"]["jaw"]
    assert measures["jonas"]["brow"] > 1.2 * measures["mara"]["brow"]
    assert measures["jonas"]["chin"] > measures["mara"]["chin"] + 0.3
    assert measures["jonas"]["lips"] < 0.9 * measures["mara"]["lips"]
    assert measures["amara"]["lips"] > 1.1 * measures["mara"]["lips"]
    assert measures["amara"]["nose"] > 1.1 * measures["mara"]["nose"]
    assert measures["amara"]["eyes"] > measures["mara"]["eyes"] + 0.15


@pytest.mark.parametrize("name", NAMES)
def test_a_design_is_a_face(name: str) -> None:
    design = make_design(PEOPLE[name].shape)
    rest, texture = design.rest, design.texture
    np.testing.assert_allclose(rest[UPPER_LIP.inner], rest[LOWER_LIP.inner], atol=1e-5)
    # For the brush the lips are parted.
    assert texture[14, 1] - texture[13, 1] > 0.5
    for eye in EYES:
        assert (rest[eye.lower[1:-1], 1] > rest[eye.upper[1:-1], 1]).all()
        inside = rest[eye.upper, 0].min() < rest[eye.iris, 0] < rest[eye.upper, 0].max()
        assert inside
    # Left and right are alike.
    outline = rest[OVAL, :2]
    mirrored = outline * [-1, 1]
    nearest = np.linalg.norm(outline[:, None] - mirrored[None], axis=-1).min(1)
    assert nearest.max() < 0.1


def test_colours_mixed_for_fair_skin_stay_as_they_are_on_it() -> None:
    shade = (178, 102, 80)
    np.testing.assert_allclose(PEOPLE["mara"].skin.of(shade), shade, atol=0.5)
    assert all(np.array(PEOPLE["amara"].skin.of(shade)) < np.array(shade) * 0.75)


def test_placed_strokes_are_wider_and_lower() -> None:
    sheet = Sheet(-2, -2, 2, 2, 10)
    narrow, wide = sheet.spot(1, 0, 0.2, 0.2), Placed(sheet, 1.5, 0.5).spot(1, 0, 0.2, 0.2)
    y, x = np.unravel_index(wide.argmax(), wide.shape)
    assert (x / 10 - 2, y / 10 - 2) == pytest.approx((1.5, 0.5), abs=0.11)
    assert wide.sum() > 1.3 * narrow.sum()


def test_the_command_writes_whom_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: dict[str, Portrait]
) -> None:
    monkeypatch.setattr(draw, "draw_portrait", lambda look: drawn[look.name])
    monkeypatch.setattr("sys.argv", ["draw", "amara", "mara", "--out", str(tmp_path)])
    draw.main()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["amara", "mara"]
    assert Portrait.load(tmp_path / "amara").name == "amara"


def test_the_command_knows_only_the_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["draw", "nobody"])
    with pytest.raises(SystemExit):
        draw.main()
