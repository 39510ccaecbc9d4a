"""Eyeballs, complete behind the lids: white, iris and the window that mirrors in them."""

from __future__ import annotations

import numpy as np

from jamflow_rt.train.illustration.design import IRIS_RADIUS
from jamflow_rt.train.illustration.look import Eyes
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


EYE = (2.0, 1.5)
"""Half the width and height of an eyeball's sheet around the iris."""


def paint_white(sheet: Sheet, side: int) -> Array:
    """The white of an eye (H, W, 3): never white, round, in the shade of the lid."""
    u, v = _from_middle(sheet)
    image = sheet.blank((236, 229, 224))
    radius = np.sqrt((u / 1.65) ** 2 + (v / 1.15) ** 2)
    image = glaze(image, (196, 168, 160), 0.85 * smoothstep(0.45, 1.05, radius))
    inner = -side * u
    image = glaze(image, (222, 160, 150), 0.6 * smoothstep(0.95, 1.5, inner) * np.ones(sheet.shape))
    image = glaze(image, (160, 150, 160), 0.45 * smoothstep(0.1, -0.75, v) * np.ones(sheet.shape))
    middle_x, middle_y = (sheet.left + sheet.right) / 2, (sheet.top + sheet.bottom) / 2
    return glow(
        image, (255, 255, 255), 0.25 * sheet.spot(middle_x - 0.8, middle_y + 0.1, 0.3, 0.22)
    )


def paint_iris(sheet: Sheet, side: int, eyes: Eyes) -> tuple[Array, Array]:
    """Colour and coverage of an iris: dark at the rim, lit from within below."""
    u, v = _from_middle(sheet)
    radius = np.sqrt(u**2 + v**2)
    angle = np.arctan2(v, u)
    rng = np.random.default_rng(21 + side)
    fibre = np.zeros(sheet.shape, np.float32)
    for frequency in (17, 29, 43, 61, 87):
        fibre += np.sin(frequency * angle + rng.uniform(0, 6.3) + 2.5 * radius * rng.normal())
    fibre *= 0.16
    place = (radius - _PUPIL) / (IRIS_RADIUS - _PUPIL)
    image = ramp(place + 0.05 * fibre, eyes.iris)
    image = np.asarray(
        image * (1 + 0.28 * fibre * smoothstep(1.0, 0.5, place))[..., None], np.float32
    )
    through = np.exp(-(((u - 0.14) / 0.34) ** 2 + ((v - 0.3) / 0.2) ** 2))
    image = glow(image, eyes.glow, 0.55 * through * smoothstep(0.0, 0.2, place))
    image = glaze(image, (70, 62, 62), 0.8 * smoothstep(-0.02, -0.5, v) * np.ones(sheet.shape))
    image = lay(image, (12, 9, 10), smoothstep(_PUPIL + 0.03, _PUPIL - 0.03, radius))
    alpha = smoothstep(IRIS_RADIUS + 0.035, IRIS_RADIUS - 0.045, radius)
    return np.clip(image, 0, 1), alpha


def paint_glint(sheet: Sheet) -> tuple[Array, Array]:
    """Colour and coverage of the reflections: a window above, a table below."""
    u, v = _from_middle(sheet)
    bent = v + 0.25 * (u + 0.2) ** 2
    window = smoothstep(0.17, 0.11, np.abs(u + 0.2)) * smoothstep(0.16, 0.1, np.abs(bent + 0.22))
    bar = 1 - 0.25 * smoothstep(0.03, 0.0, np.abs(u + 0.2))
    low = 0.55 * np.exp(-(((u - 0.24) / 0.1) ** 2 + ((v - 0.26) / 0.06) ** 2))
    alpha = np.clip(0.96 * window * bar + low, 0, 1)
    return sheet.blank((255, 253, 248)), np.asarray(alpha, np.float32)


def _from_middle(sheet: Sheet) -> tuple[Array, Array]:
    """X and y of every pixel from the middle of the sheet, which is that of the eye."""
    x, y = sheet.grid()
    return x - (sheet.left + sheet.right) / 2, y - (sheet.top + sheet.bottom) / 2
