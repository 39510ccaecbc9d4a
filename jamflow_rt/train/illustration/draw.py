"""Draw a portrait and write its files: `python -m jamflow_rt.train.illustration.draw mara`."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from jamflow_rt.render.face_mesh import face_layer
from jamflow_rt.render.portrait import Layer, Portrait
from jamflow_rt.render.rig import Area, Grid, Pull, grid_layer
from jamflow_rt.render.topology import EYES, JAW
from jamflow_rt.train.illustration import body, ears, eyes, mouth, openings, scene, skin
from jamflow_rt.train.illustration.design import make_design
from jamflow_rt.train.illustration.lashes import lash_layer
from jamflow_rt.train.illustration.look import Ears, Look
from jamflow_rt.train.illustration.paint import Array, Sheet, finish, smoothstep
from jamflow_rt.train.illustration.people import PEOPLE

_UNIT = 26  # pixels of the finished picture in one canonical unit
_CANVAS = 1024 / _UNIT  # units
_ORIGIN = (512 / _UNIT, 456 / _UNIT)
_FACTOR = 2  # painted this much larger
_FULL = Area(-_ORIGIN[0], -_ORIGIN[1], _CANVAS - _ORIGIN[0], _CANVAS - _ORIGIN[1])
_FACE = Area(-9.5, -12, 9.5, 11)
_BODY = Area(_FULL.left, 2, _FULL.right, _FULL.bottom)
_SIDES = {"left": -1, "right": 1}
_RIGID = Grid(depth=lambda x, y: 0 * x - 3.4, follow=lambda x, y: 0 * x + 1)


def draw_portrait(look: Look, unit: int = _UNIT) -> Portrait:
    """Paint somebody; takes about half a minute.

    Args:
        look: who it is.
        unit: pixels in one canonical unit. A smaller picture is painted with fewer hairs.
    """
    return Portrait(
        name=look.name,
        landmarks=make_design(look.shape).rest,
        origin=(np.array(_ORIGIN) / _CANVAS).astype(np.float32),
        unit=1 / _CANVAS,
        layers=tuple(paint() for paint in painters(look, unit).values()),
    )


def painters(look: Look, unit: int = _UNIT) -> dict[str, Callable[[], Layer]]:
    """What paints each layer of a portrait, from back to front."""
    painter = _Painter(look, unit)
    found: dict[str, Callable[[], Layer]] = {
        "background": painter.background,
        "hair_back": painter.hair_back,
        "body": painter.body,
    }
    if look.ears is not None:
        found["ears"] = partial(painter.ears, look.ears)
    for name in _SIDES:
        for part in (painter.white, painter.iris, painter.glint):
            found[f"{part.__name__}_{name}"] = partial(part, name)
    found |= {"cavity": painter.cavity, "tongue": painter.tongue, "teeth": painter.teeth}
    found["face"] = painter.face
    for name in _SIDES:
        found[f"lashes_{name}"] = partial(painter.lashes, name)
    return found | {"hair_front": painter.hair_front}


class _Painter:
    """Paints the layers of one look."""

    def __init__(self, look: Look, unit: int) -> None:
        self._look = look
        self._unit = unit
        self._design = make_design(look.shape)

    def _sheet(self, area: Area) -> Sheet:
        return Sheet(area.left, area.top, area.right, area.bottom, self._unit * _FACTOR)

    def _around(self, side: int, width: float, height: float) -> Sheet:
        """A sheet with an iris in its middle."""
        x, y = self._look.shape.iris
        x *= side
        return self._sheet(Area(x - width, y - height, x + width, y + height))

    def background(self) -> Layer:
        # So far out of focus that half the density holds all of it.
        blurred = dataclasses.replace(self._sheet(_FULL), density=self._unit)
        image = finish(scene.paint_scene(blurred, self._look.scene), None, 1)
        still = Grid(depth=lambda x, y: 0 * x, follow=lambda x, y: 0 * x)
        return grid_layer("background", image, _FULL, 50, still)

    def hair_back(self) -> Layer:
        hair = self._look.hair
        image = finish(*hair.paint_back(self._sheet(hair.back)), _FACTOR)
        grid = Grid(lambda x, y: 0 * x + hair.behind, hair.follow)
        return grid_layer("hair_back", image, hair.back, 0.8, grid)

    def body(self) -> Layer:
        image = finish(*body.paint_body(self._sheet(_BODY), self._look), _FACTOR)
        return grid_layer("body", image, _BODY, 0.9, Grid(lambda x, y: 0 * x - 0.5, _body_follow))

    def ears(self, look: Ears) -> Layer:
        sheet = self._sheet(ears.EARS)
        image = finish(*ears.paint_ears(self._design, look, self._look.skin, sheet), _FACTOR)
        grid = _RIGID._replace(depth=lambda x, y: 0 * x + 0.4)
        return grid_layer("ears", image, ears.EARS, 4, grid)

    def white(self, name: str) -> Layer:
        side = _SIDES[name]
        sheet = self._around(side, *eyes.EYE)
        image = finish(eyes.paint_white(sheet, side), None, _FACTOR)
        return grid_layer(f"white_{name}", image, sheet, 4, _RIGID)

    def iris(self, name: str) -> Layer:
        side = _SIDES[name]
        sheet = self._around(side, 1, 1)
        image = finish(*eyes.paint_iris(sheet, side, self._look.eyes), _FACTOR)
        return grid_layer(f"iris_{name}", image, sheet, 2, _gazing(side, 1.0))

    def glint(self, name: str) -> Layer:
        side = _SIDES[name]
        sheet = self._around(side, 1, 1)
        image = finish(*eyes.paint_glint(sheet), _FACTOR)
        return grid_layer(f"glint_{name}", image, sheet, 2, _gazing(side, 0.45))

    def cavity(self) -> Layer:
        image = finish(*mouth.paint_cavity(self._sheet(mouth.CAVITY)), _FACTOR)
        grid = _RIGID._replace(depth=lambda x, y: 0 * x - 1.5, pulls=_towards(JAW, 0.5))
        return grid_layer("cavity", image, self._to_lips(mouth.CAVITY), 6, grid)

    def tongue(self) -> Layer:
        image = finish(*mouth.paint_tongue(self._sheet(mouth.MOUTH)), _FACTOR)
        grid = _RIGID._replace(depth=lambda x, y: 0 * x - 3.2, pulls=_towards(JAW, 1.0))
        return grid_layer("tongue", image, self._to_lips(mouth.MOUTH), 6, grid)

    def teeth(self) -> Layer:
        image = finish(*mouth.paint_upper_teeth(self._sheet(mouth.MOUTH)), _FACTOR)
        grid = _RIGID._replace(depth=lambda x, y: -4.6 + 0.35 * x**2)
        return grid_layer("teeth", image, self._to_lips(mouth.MOUTH), 0.75, grid)

    def _to_lips(self, area: Area) -> Area:
        shift = self._look.shape.seam - mouth.PAINTED_SEAM
        return dataclasses.replace(area, top=area.top + shift, bottom=area.bottom + shift)

    def face(self) -> Layer:
        painted = skin.paint_face(self._design, self._look, self._sheet(_FACE))
        return face_layer(self._design, finish(*painted, _FACTOR), _FACE)

    def lashes(self, name: str) -> Layer:
        side = _SIDES[name]
        x, y = self._look.shape.iris
        sheet = self._sheet(Area(side * x - 2.5, y - 2.5, side * x + 2.5, y + 1))
        painted = openings.paint_lashes(self._design, sheet, side, self._look.eyes)
        eye = EYES[0 if side < 0 else 1]
        return lash_layer(f"lashes_{name}", self._design, finish(*painted, _FACTOR), sheet, eye)

    def hair_front(self) -> Layer:
        hair = self._look.hair
        image = finish(*hair.paint_front(self._sheet(hair.front)), _FACTOR)
        return grid_layer("hair_front", image, hair.front, 0.7, Grid(hair.depth, hair.follow))


def _gazing(side: int, share: float) -> Grid:
    return _RIGID._replace(pulls=_towards((EYES[0 if side < 0 else 1].iris,), share))


def _towards(landmarks: tuple[int, ...], share: float) -> Callable[[float, float], Pull]:
    pull: Pull = [(landmark, share / len(landmarks)) for landmark in landmarks]
    return lambda x, y: pull


def _body_follow(x: Array, y: Array) -> Array:
    near = np.exp(-((np.abs(x) / 9) ** 2))
    return np.asarray((0.95 - 0.95 * smoothstep(7.0, 17.0, y)) * near, np.float32)


def main() -> None:
    """Write portraits into the package."""
    folder = Path(__file__).resolve().parents[2] / "assets" / "portraits"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=sorted(PEOPLE), metavar="name")
    parser.add_argument("--out", type=Path, default=folder, help="a folder for their folders")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for name in arguments.names:
        draw_portrait(PEOPLE[name]).save(arguments.out / name)


if __name__ == "__main__":
    main()
