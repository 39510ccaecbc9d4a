"""What is behind the sitter: a room, far out of focus."""

from __future__ import annotations

import numpy as np

from jamflow_rt.train.illustration.look import Scene
from jamflow_rt.train.illustration.paint import (
    Array,
    Colour,
    Sheet,
    glow,
    lay,
    ramp,
    smoothstep,
    spline,
)


def paint_scene(sheet: Sheet, scene: Scene) -> Array:
    """The background (H, W, 3), calm enough not to compete with the face."""
    x, y = sheet.grid()
    rng = np.random.default_rng(scene.seed)
    wall = np.asarray((x + 20) / 40 + 0.1 * (y / 20), np.float32)
    image = ramp(wall, scene.wall)
    # A window on the left and the light it throws.
    for left, right in ((-19.5, -14.4), (-13.6, -9.2)):
        pane = (x > left) & (x < right) & (y < 4)
        image = glow(
            image, scene.window, scene.window_light * sheet.blur(pane.astype(np.float32), 0.8)
        )
    image = lay(
        image,
        scene.ledge,
        0.5
        * sheet.blur(
            ((y > 7.2) & (y < 7.9)).astype(np.float32) * np.ones(sheet.shape, np.float32), 0.6
        ),
    )
    image = lay(
        image,
        scene.floor,
        0.35 * sheet.blur((y > 7.9).astype(np.float32) * np.ones(sheet.shape, np.float32), 0.9),
    )
    # A plant and a shelf on the right.
    shelf = ((x > 10.5) & (y > -8.0) & (y < -7.3)).astype(np.float32)
    image = lay(image, scene.shelf, 0.7 * sheet.blur(shelf, 0.45))
    for left, right, top, colour in scene.books:
        book = ((x > left) & (x < right) & (y > top) & (y < -8.0)).astype(np.float32)
        image = lay(image, colour, 0.75 * sheet.blur(book, 0.4))
    if scene.leaf is not None:
        image = _plant(image, sheet, scene.leaf, rng)
    image = sheet.blur(image, 0.75)
    for _ in range(9):
        cx, cy, r = rng.uniform(-18, -8), rng.uniform(-14, 3), rng.uniform(0.6, 1.3)
        ring = np.sqrt((x - cx) ** 2 + (y - cy) ** 2)
        disc = smoothstep(r, r - 0.25, ring) * (0.7 + 0.3 * smoothstep(0, r, ring))
        image = glow(image, scene.lights, rng.uniform(0.08, 0.2) * disc)
    edge = np.sqrt((x / 24) ** 2 + ((y - 2) / 24) ** 2)
    return np.asarray(image * (1 - 0.2 * smoothstep(0.5, 1.15, edge))[..., None], np.float32)


def _plant(
    image: Array, sheet: Sheet, leaf: tuple[Colour, Colour], rng: np.random.Generator
) -> Array:
    dark, bright = np.array(leaf[0]), np.array(leaf[1])
    for _ in range(34):
        start = np.array([15.5 + rng.normal(0, 0.7), 7.0])
        tip = start + np.array([rng.normal(0, 3.4), -rng.uniform(4, 11)])
        middle = (start + tip) / 2 + rng.normal(0, 0.8, 2)
        width = rng.uniform(0.7, 1.5) * np.sin(np.linspace(0.05, np.pi - 0.05, 60)) ** 0.8
        red, green, blue = (float(c) for c in dark + (bright - dark) * rng.uniform(0, 1))
        blade = sheet.line(spline(np.array([start, middle, tip], np.float32), 60), width)
        image = lay(image, (red, green, blue), 0.6 * sheet.blur(blade, 0.35))
    return image
