"""What is behind her: a bright room, far out of focus."""

from __future__ import annotations

import numpy as np

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


def paint_scene(sheet: Sheet) -> Array:
    """The background (H, W, 3), calm enough not to compete with the face."""
    x, y = sheet.grid()
    rng = np.random.default_rng(51)
    wall = np.asarray((x + 20) / 40 + 0.1 * (y / 20), np.float32)
    image = ramp(wall, [(0.0, (236, 226, 208)), (0.45, (216, 205, 188)), (1.0, (176, 168, 156))])
    # A window on the left and the light it throws.
    for left, right in ((-19.5, -14.4), (-13.6, -9.2)):
        pane = (x > left) & (x < right) & (y < 4)
        image = glow(image, (255, 246, 226), 0.8 * sheet.blur(pane.astype(np.float32), 0.8))
    image = lay(
        image,
        (150, 128, 106),
        0.5
        * sheet.blur(
            ((y > 7.2) & (y < 7.9)).astype(np.float32) * np.ones(sheet.shape, np.float32), 0.6
        ),
    )
    image = lay(
        image,
        (172, 150, 126),
        0.35 * sheet.blur((y > 7.9).astype(np.float32) * np.ones(sheet.shape, np.float32), 0.9),
    )
    # A plant and a shelf on the right.
    shelf = ((x > 10.5) & (y > -8.0) & (y < -7.3)).astype(np.float32)
    image = lay(image, (118, 92, 70), 0.7 * sheet.blur(shelf, 0.45))
    for left, right, top, colour in (
        (11.5, 12.6, -11.6, (176, 92, 70)),
        (12.8, 13.6, -12.0, (210, 190, 160)),
        (13.8, 15.0, -11.2, (86, 108, 112)),
        (15.3, 16.0, -12.2, (190, 150, 96)),
    ):
        book = ((x > left) & (x < right) & (y > top) & (y < -8.0)).astype(np.float32)
        image = lay(image, colour, 0.75 * sheet.blur(book, 0.4))
    for _ in range(34):
        start = np.array([15.5 + rng.normal(0, 0.7), 7.0])
        tip = start + np.array([rng.normal(0, 3.4), -rng.uniform(4, 11)])
        middle = (start + tip) / 2 + rng.normal(0, 0.8, 2)
        width = rng.uniform(0.7, 1.5) * np.sin(np.linspace(0.05, np.pi - 0.05, 60)) ** 0.8
        green = rng.uniform(0, 1)
        tint: Colour = (86 + 60 * green, 112 + 50 * green, 86 + 34 * green)
        leaf = sheet.line(spline(np.array([start, middle, tip], np.float32), 60), width)
        image = lay(image, tint, 0.6 * sheet.blur(leaf, 0.35))
    image = sheet.blur(image, 0.75)
    for _ in range(9):
        cx, cy, r = rng.uniform(-18, -8), rng.uniform(-14, 3), rng.uniform(0.6, 1.3)
        ring = np.sqrt((x - cx) ** 2 + (y - cy) ** 2)
        disc = smoothstep(r, r - 0.25, ring) * (0.7 + 0.3 * smoothstep(0, r, ring))
        image = glow(image, (255, 238, 204), rng.uniform(0.08, 0.2) * disc)
    edge = np.sqrt((x / 24) ** 2 + ((y - 2) / 24) ** 2)
    return np.asarray(image * (1 - 0.2 * smoothstep(0.5, 1.15, edge))[..., None], np.float32)
