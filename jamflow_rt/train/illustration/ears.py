"""Ears, behind the edge of the face, and rings in them."""

from __future__ import annotations

import numpy as np

from jamflow_rt.render.rig import Area
from jamflow_rt.render.topology import OVAL
from jamflow_rt.train.illustration.design import Design
from jamflow_rt.train.illustration.look import Ears, Skin
from jamflow_rt.train.illustration.paint import (
    Array,
    Colour,
    Sheet,
    glaze,
    glow,
    lay,
    ramp,
    smoothstep,
    spline,
)

EARS = Area(-10, -4.5, 10, 5)

# Drawn for a face that is 6.6 wide at the ears, on the side of positive x.
_EDGE = 6.6
_SHELL = (
    (6.3, -2.3),
    (6.9, -2.95),
    (7.55, -2.85),
    (7.85, -2.0),
    (7.68, -0.8),
    (7.3, 0.3),
    (7.1, 1.15),
    (6.72, 1.5),
    (6.35, 1.1),
    (6.1, -0.4),
)


def paint_ears(design: Design, ears: Ears, skin: Skin, sheet: Sheet) -> tuple[Array, Array]:
    """Colour and coverage of both ears."""
    ring = design.texture[OVAL, :2]
    edge = float(np.abs(ring[np.abs(ring[:, 1] + 0.6) < 1.6, 0]).max())
    image, alpha = sheet.blank(skin.of((205, 136, 108))), np.zeros(sheet.shape, np.float32)
    for side in (-1, 1):
        image, cover = _ear(image, sheet, skin, side, edge - _EDGE)
        alpha = np.maximum(alpha, cover)
        if ears.ring is not None:
            image, cover = _hoop(image, sheet, ears.ring, side * (7.0 + edge - _EDGE))
            alpha = np.maximum(alpha, cover)
    return image, alpha


def _ear(image: Array, sheet: Sheet, skin: Skin, side: int, shift: float) -> tuple[Array, Array]:
    def place(points: tuple[tuple[float, float], ...], closed: bool = False) -> Array:
        return spline(points, 160, closed) * [side, 1] + [side * shift, 0]

    x, y = sheet.grid()
    cover = sheet.fill(place(_SHELL, True), 0.015)
    # The lamp is on the left; towards the skull and below it is darker.
    tone = (0.62 if side < 0 else 0.5) - 0.05 * (y + 0.5) * np.ones(sheet.shape, np.float32)
    tone = tone - 0.3 * smoothstep(7.2, 6.5, side * x - shift)
    tone = tone - 0.22 * (1 - smoothstep(0.5, 1.0, sheet.blur(cover, 0.16)))
    rim = place(((6.6, -2.3), (7.1, -2.7), (7.55, -2.5), (7.66, -1.8), (7.46, -0.6), (7.15, 0.4)))
    tone = tone + 0.2 * sheet.line(rim, 0.2, 0.08)
    groove = place(((6.75, -2.1), (7.15, -2.35), (7.36, -2.0), (7.34, -1.3), (7.15, -0.3)))
    tone = tone - 0.26 * sheet.line(groove, 0.16, 0.07)
    fold = place(((6.95, -1.8), (7.15, -1.3), (7.05, -0.5), (6.8, 0.2)))
    tone = tone + 0.12 * sheet.line(fold, 0.16, 0.07)
    hollow = sheet.spot(side * (6.72 + shift), -0.75, 0.2, 0.5, side * -0.15)
    tone = tone - 0.4 * hollow + 0.1 * sheet.spot(side * (6.85 + shift), 0.95, 0.2, 0.22)
    ear = ramp(tone.astype(np.float32), skin.tones)
    # Light shines through the gristle.
    ear = glaze(ear, (255, 206, 192), 0.35 * cover)
    return lay(image, ear, cover), cover


def _hoop(image: Array, sheet: Sheet, metal: Colour, x: float) -> tuple[Array, Array]:
    angle = np.linspace(-0.15 * np.pi, 2.1 * np.pi, 140)
    hoop = np.stack([x + 0.62 * np.sin(angle), 2.05 - 0.82 * np.cos(angle)], 1).astype(np.float32)
    cover = sheet.line(hoop, 0.17, 0.015)
    image = lay(image, metal, cover)
    image = glaze(image, (150, 96, 50), 0.7 * sheet.line(hoop + [0.04, 0.03], 0.06, 0.03) * cover)
    glint = sheet.spot(x - 0.42, 1.5, 0.12, 0.2) + sheet.spot(x + 0.1, 2.86, 0.2, 0.08)
    return glow(image, (255, 250, 226), 0.95 * glint * cover), cover
