"""Draw the default portrait and write its files: `python -m jamflow_rt.train.illustration.draw`."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from jamflow_rt.render.face_mesh import face_layer
from jamflow_rt.render.portrait import Layer, Portrait
from jamflow_rt.render.portraits import DEFAULT_PORTRAIT
from jamflow_rt.render.rig import Grid, Pull, grid_layer
from jamflow_rt.render.topology import EYES, JAW
from jamflow_rt.train.illustration import body, eyes, hair, mouth, scene, skin
from jamflow_rt.train.illustration.design import IRIS, SEAM, Design, make_design
from jamflow_rt.train.illustration.lashes import lash_layer
from jamflow_rt.train.illustration.paint import Array, Sheet, finish, smoothstep

_CANVAS = 1024
_UNIT = 26  # pixels of the finished picture in one canonical unit
_ORIGIN = (512, 456)
_FACTOR = 2  # painted this much larger
FULL = Sheet(
    -_ORIGIN[0] / _UNIT,
    -_ORIGIN[1] / _UNIT,
    (_CANVAS - _ORIGIN[0]) / _UNIT,
    (_CANVAS - _ORIGIN[1]) / _UNIT,
    _UNIT * _FACTOR,
)
_FACE = Sheet(-9.5, -12, 9.5, 11)
_BODY = Sheet(FULL.left, 2, FULL.right, FULL.bottom)
_EYES = {"left": (-1, 468), "right": (1, 473)}

Painter = Callable[[Design], Layer]


def painters() -> dict[str, Painter]:
    """What paints each layer, from back to front."""
    painters: dict[str, Painter] = {
        "background": _background,
        "hair_back": _hair_back,
        "body": _body,
    }
    for name in _EYES:
        for part in (_white, _iris, _glint):
            layer = f"{part.__name__[1:]}_{name}"
            painters[layer] = lambda design, part=part, layer=layer: part(layer)  # type: ignore[misc]
    painters |= {"cavity": _cavity, "tongue": _tongue, "teeth": _teeth}
    painters["face"] = _face
    for name in _EYES:
        painters[f"lashes_{name}"] = lambda design, name=name: _lashes(design, name)  # type: ignore[misc]
    return painters | {"hair_front": _hair_front}


def draw_portrait(canonical: Path) -> Portrait:
    """Paint the portrait from MediaPipe's canonical face; takes about half a minute."""
    design = make_design(canonical)
    return Portrait(
        name=DEFAULT_PORTRAIT,
        landmarks=design.rest,
        origin=(np.array(_ORIGIN) / _CANVAS).astype(np.float32),
        unit=_UNIT / _CANVAS,
        layers=tuple(paint(design) for paint in painters().values()),
    )


def _background(design: Design) -> Layer:
    # So far out of focus that half the density holds all of it.
    blurred = dataclasses.replace(FULL, density=_UNIT)
    image = finish(scene.paint_scene(blurred), None, 1)
    still = Grid(depth=lambda x, y: 0 * x, follow=lambda x, y: 0 * x)
    return grid_layer("background", image, FULL, 50, still)


def _hair_back(design: Design) -> Layer:
    image = finish(*hair.paint_back(), _FACTOR)
    grid = Grid(lambda x, y: 0 * x + 3.0, _hair_follow)
    return grid_layer("hair_back", image, hair.HAIR_BACK, 0.8, grid)


def _body(design: Design) -> Layer:
    image = finish(*body.paint_body(_BODY), _FACTOR)
    return grid_layer("body", image, _BODY, 0.9, Grid(lambda x, y: 0 * x - 0.5, _body_follow))


_RIGID = Grid(depth=lambda x, y: 0 * x - 3.4, follow=lambda x, y: 0 * x + 1)


def _white(name: str) -> Layer:
    side, _ = _EYES[name.split("_")[1]]
    sheet = eyes.eye_sheet(side)
    image = finish(eyes.paint_white(sheet, side), None, _FACTOR)
    return grid_layer(name, image, sheet, 4, _RIGID)


def _iris(name: str) -> Layer:
    side, centre = _EYES[name.split("_")[1]]
    sheet = eyes.iris_sheet(side)
    image = finish(*eyes.paint_iris(sheet, side), _FACTOR)
    return grid_layer(name, image, sheet, 2, _RIGID._replace(pulls=_towards((centre,), 1.0)))


def _glint(name: str) -> Layer:
    side, centre = _EYES[name.split("_")[1]]
    sheet = eyes.iris_sheet(side)
    image = finish(*eyes.paint_glint(sheet, side), _FACTOR)
    return grid_layer(name, image, sheet, 2, _RIGID._replace(pulls=_towards((centre,), 0.45)))


def _cavity(design: Design) -> Layer:
    grid = _RIGID._replace(depth=lambda x, y: 0 * x - 1.5, pulls=_towards(JAW, 0.5))
    return grid_layer(
        "cavity", finish(*mouth.paint_cavity(), _FACTOR), _to_lips(mouth.CAVITY), 6, grid
    )


def _tongue(design: Design) -> Layer:
    grid = _RIGID._replace(depth=lambda x, y: 0 * x - 3.2, pulls=_towards(JAW, 1.0))
    return grid_layer(
        "tongue", finish(*mouth.paint_tongue(), _FACTOR), _to_lips(mouth.MOUTH), 6, grid
    )


def _teeth(design: Design) -> Layer:
    grid = _RIGID._replace(depth=lambda x, y: -4.6 + 0.35 * x**2)
    image = finish(*mouth.paint_upper_teeth(), _FACTOR)
    return grid_layer("teeth", image, _to_lips(mouth.MOUTH), 0.75, grid)


def _to_lips(sheet: Sheet) -> Sheet:
    shift = SEAM - mouth.PAINTED_SEAM
    return dataclasses.replace(sheet, top=sheet.top + shift, bottom=sheet.bottom + shift)


def _face(design: Design) -> Layer:
    return face_layer(design, finish(*skin.paint_face(design, _FACE), _FACTOR), _FACE)


def _lashes(design: Design, name: str) -> Layer:
    side, _ = _EYES[name]
    x, y = IRIS
    sheet = Sheet(side * x - 2.5, y - 2.5, side * x + 2.5, y + 1)
    image = finish(*skin.paint_lashes(design, sheet, side), _FACTOR)
    return lash_layer(f"lashes_{name}", design, image, sheet, EYES[0 if side < 0 else 1])


def _hair_front(design: Design) -> Layer:
    image = finish(*hair.paint_front(), _FACTOR)
    return grid_layer("hair_front", image, hair.HAIR_FRONT, 0.7, Grid(_hair_depth, _hair_follow))


def _towards(landmarks: tuple[int, ...], share: float) -> Callable[[float, float], Pull]:
    pull: Pull = [(landmark, share / len(landmarks)) for landmark in landmarks]
    return lambda x, y: pull


def _hair_follow(x: Array, y: Array) -> Array:
    return np.asarray(1 - 0.75 * smoothstep(2.0, 14.5, y), np.float32)


def _hair_depth(x: Array, y: Array) -> Array:
    away = (x / 10.5) ** 2 + (np.minimum(y + 2, 0) / 11) ** 2
    return np.asarray(-3.4 + 4.2 * np.minimum(away, 1.6), np.float32)


def _body_follow(x: Array, y: Array) -> Array:
    near = np.exp(-((np.abs(x) / 9) ** 2))
    return np.asarray((0.95 - 0.95 * smoothstep(7.0, 17.0, y)) * near, np.float32)


def main() -> None:
    """Write the portrait into the package."""
    assets = Path(__file__).resolve().parents[2] / "assets" / "portraits"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--canonical", type=Path, default=assets / "canonical_face.safetensors")
    parser.add_argument("--out", type=Path, default=assets / DEFAULT_PORTRAIT)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    draw_portrait(arguments.canonical).save(arguments.out)


if __name__ == "__main__":
    main()
