"""Eyeballs, complete behind the lids: white, iris and the window that mirrors in them."""

from __future__ import annotations

import numpy as np

from jamflow_rt.train.illustration.design import IRIS, IRIS_RADIUS
from jamflow_rt.train.illustration.paint import (
    Array,
    Sheet,
    glaze,
    glow,
    lay,
    ramp,
    smoothstep,
)

_PUPIL = 0.25


def eye_sheet(side: int) -> Sheet:
    """The sheet of the eyeball on the left (−1) or right (1) of the picture."""
    return Sheet(side * IRIS[0] - 2, IRIS[1] - 1.5, side * IRIS[0] + 2, IRIS[1] + 1.5)


def iris_sheet(side: int) -> Sheet:
    """The sheet of an iris and its glints."""
    return Sheet(side * IRIS[0] - 1, IRIS[1] - 1, side * IRIS[0] + 1, IRIS[1] + 1)


def paint_white(sheet: Sheet, side: int) -> Array:
    """The white of an eye (H, W, 3): never white, round, in the shade of the lid."""
    x, y = sheet.grid()
    u, v = x - side * IRIS[0], y - IRIS[1]
    image = sheet.blank((236, 229, 224))
    radius = np.sqrt((u / 1.65) ** 2 + (v / 1.15) ** 2)
    image = glaze(image, (196, 168, 160), 0.85 * smoothstep(0.45, 1.05, radius))
    inner = -side * u
    image = glaze(image, (222, 160, 150), 0.6 * smoothstep(0.95, 1.5, inner) * np.ones(sheet.shape))
    image = glaze(image, (160, 150, 160), 0.45 * smoothstep(0.1, -0.75, v) * np.ones(sheet.shape))
    return glow(
        image, (255, 255, 255), 0.25 * sheet.spot(side * IRIS[0] - 0.8, IRIS[1] + 0.1, 0.3, 0.22)
    )


def paint_iris(sheet: Sheet, side: int) -> tuple[Array, Array]:
    """Colour and coverage of an iris: hazel, dark at the rim, lit from within below."""
    x, y = sheet.grid()
    u, v = x - side * IRIS[0], y - IRIS[1]
    radius = np.sqrt(u**2 + v**2)
    angle = np.arctan2(v, u)
    rng = np.random.default_rng(21 + side)
    fibre = np.zeros(sheet.shape, np.float32)
    for frequency in (17, 29, 43, 61, 87):
        fibre += np.sin(frequency * angle + rng.uniform(0, 6.3) + 2.5 * radius * rng.normal())
    fibre *= 0.16
    place = (radius - _PUPIL) / (IRIS_RADIUS - _PUPIL)
    image = ramp(
        place + 0.05 * fibre,
        [
            (0.0, (112, 72, 34)),
            (0.22, (140, 96, 48)),
            (0.45, (112, 108, 66)),
            (0.72, (78, 92, 68)),
            (0.9, (40, 50, 42)),
            (1.0, (24, 26, 24)),
        ],
    )
    image = np.asarray(
        image * (1 + 0.28 * fibre * smoothstep(1.0, 0.5, place))[..., None], np.float32
    )
    through = np.exp(-(((u - 0.14) / 0.34) ** 2 + ((v - 0.3) / 0.2) ** 2))
    image = glow(image, (230, 190, 110), 0.55 * through * smoothstep(0.0, 0.2, place))
    image = glaze(image, (70, 62, 62), 0.8 * smoothstep(-0.02, -0.5, v) * np.ones(sheet.shape))
    image = lay(image, (12, 9, 10), smoothstep(_PUPIL + 0.03, _PUPIL - 0.03, radius))
    alpha = smoothstep(IRIS_RADIUS + 0.035, IRIS_RADIUS - 0.045, radius)
    return np.clip(image, 0, 1), alpha


def paint_glint(sheet: Sheet, side: int) -> tuple[Array, Array]:
    """Colour and coverage of the reflections: a window above, a table below."""
    x, y = sheet.grid()
    u, v = x - side * IRIS[0], y - IRIS[1]
    bent = v + 0.25 * (u + 0.2) ** 2
    window = smoothstep(0.17, 0.11, np.abs(u + 0.2)) * smoothstep(0.16, 0.1, np.abs(bent + 0.22))
    bar = 1 - 0.25 * smoothstep(0.03, 0.0, np.abs(u + 0.2))
    low = 0.55 * np.exp(-(((u - 0.24) / 0.1) ** 2 + ((v - 0.26) / 0.06) ** 2))
    alpha = np.clip(0.96 * window * bar + low, 0, 1)
    return sheet.blank((255, 253, 248)), np.asarray(alpha, np.float32)
