"""Neck, shoulders and a knitted pullover."""

from __future__ import annotations

import numpy as np

from jamflow_rt.train.illustration.paint import (
    Array,
    Colour,
    Sheet,
    glaze,
    lay,
    ramp,
    smoothstep,
    spline,
)
from jamflow_rt.train.illustration.skin import SKIN

WOOL: tuple[tuple[float, Colour], ...] = (
    (0.0, (18, 40, 46)),
    (0.3, (36, 70, 76)),
    (0.6, (66, 108, 112)),
    (0.85, (104, 148, 148)),
    (1.0, (146, 184, 178)),
)


def paint_body(sheet: Sheet) -> tuple[Array, Array]:
    """Colour and coverage of everything below the chin."""
    skin = _skin(sheet)
    neck = _both(
        [
            (-3.8, 4.0),
            (-3.75, 6.0),
            (-3.7, 9.2),
            (-4.1, 11.2),
            (-5.6, 12.8),
            (-8.5, 14.0),
            (-9, 18),
            (0, 18),
        ]
    )
    skin_alpha = sheet.fill(neck, 0.02)
    wool, wool_alpha = _pullover(sheet)
    image = lay(skin, (70, 36, 34), 0.5 * sheet.blur(wool_alpha, 0.22) * skin_alpha)
    image = lay(image, wool, wool_alpha)
    for side in (-1, 1):
        fall = spline([(side * 4.4, 6), (side * 5.0, 9.5), (side * 5.8, 12.6)])
        image = glaze(image, (150, 92, 80), 0.55 * sheet.line(fall, 2.2, 0.5) * skin_alpha)
    return image, np.maximum(skin_alpha, wool_alpha)


def _both(half: list[tuple[float, float]]) -> Array:
    """A closed outline from its left half, top to bottom."""
    left = spline(half[:-1], 200)
    right = (left * [-1, 1])[::-1]
    return np.asarray(np.concatenate([left, right]), np.float32)


def _skin(sheet: Sheet) -> Array:
    x, y = sheet.grid()
    width = np.interp(y, [5, 9, 11.5, 14], [3.8, 3.8, 4.6, 9.0])
    u = x / width
    tone = 0.66 - 0.2 * (u + 0.25) - 0.34 * np.clip(np.abs(u) - 0.35, 0, 1) ** 1.5
    tone = tone + 0.06 * smoothstep(10.5, 13.5, y)
    # The jaw's shadow falls to the right; its edge follows the chin.
    jaw = 9.65 + 0.9 * smoothstep(-4, 4, x) - 0.055 * (x - 0.6) ** 2
    shadow = smoothstep(1.0, -0.9, (y - jaw))
    tone = tone - 0.42 * shadow
    for side in (-1, 1):
        cord = spline([(side * 3.2, 7.5), (side * 2.2, 10.6), (side * 0.85, 13.2)])
        tone = tone + (0.05 if side < 0 else 0.03) * sheet.line(cord, 0.5, 0.25)
        tone = tone - 0.08 * sheet.line(cord + [-side * 0.55, 0.1], 0.4, 0.28)
        bone = spline([(side * 0.9, 13.45), (side * 3.0, 13.1), (side * 6.0, 12.9)])
        tone = (
            tone
            + 0.09 * sheet.line(bone, 0.3, 0.14)
            - 0.09 * sheet.line(bone + [0, 0.45], 0.4, 0.2)
        )
    tone = tone - 0.12 * sheet.spot(0, 13.4, 0.5, 0.4)
    image = ramp(tone.astype(np.float32), SKIN)
    image = glaze(image, (255, 206, 192), 0.3 * shadow * np.ones(sheet.shape, np.float32))
    return image


def _pullover(sheet: Sheet) -> tuple[Array, Array]:
    x, y = sheet.grid()
    shoulder = [
        (-5.2, 12.75),
        (-8.0, 13.5),
        (-11.5, 14.7),
        (-14.6, 16.6),
        (-16.4, 19.4),
        (-17.4, 22.5),
    ]
    left = spline(shoulder)
    collar = spline(
        [
            (-5.2, 12.75),
            (-4.3, 14.0),
            (-2.4, 15.15),
            (0, 15.55),
            (2.4, 15.15),
            (4.3, 14.0),
            (5.2, 12.75),
        ]
    )
    outline = np.concatenate([left[::-1], collar, left * [-1, 1]])
    alpha = sheet.fill(outline.astype(np.float32), 0.02)
    tone = np.zeros(sheet.shape, np.float32)
    tone += 0.56 - 0.016 * x - 0.02 * (y - 14)
    inside = sheet.blur(alpha, 0.9)
    tone -= 0.42 * (1 - smoothstep(0.45, 1.0, inside))
    tone += 0.14 * sheet.spot(-8.5, 15.2, 3.0, 1.0, 0.32)
    folds = (
        ([(-13.2, 22), (-11.6, 19), (-11.2, 16.6)], -0.2, 0.7),
        ([(13.2, 22), (11.6, 19), (11.2, 16.6)], -0.24, 0.7),
        ([(-10.8, 22), (-10.0, 19.6), (-10.2, 17.8)], 0.1, 0.6),
        ([(-4.6, 15.2), (-6.0, 17.2), (-6.4, 20)], -0.07, 0.6),
        ([(4.6, 15.2), (6.2, 17.2), (6.6, 20)], -0.09, 0.6),
        ([(-2.6, 16.6), (-0.4, 18.0), (2.2, 18.2)], -0.05, 0.5),
        ([(-3.0, 17.3), (-0.4, 18.8), (2.6, 19.0)], 0.05, 0.5),
    )
    for path, strength, width in folds:
        taper = width * np.sin(np.linspace(0.15, np.pi - 0.15, 200))
        tone += strength * sheet.line(spline(path), taper, 0.4)
    tone += 0.012 * sheet.noise(np.random.default_rng(41), 2.4)
    tone = sheet.blur(tone, 0.1)
    tone += _knit(x, y, sheet)
    tone = _collar(tone, collar, sheet)
    return ramp(tone, WOOL), alpha


def _knit(x: Array, y: Array, sheet: Sheet) -> Array:
    """Rows of stitches, faint."""
    lean = 0.09 * np.abs(((x / 0.42) % 1) - 0.5)
    row = np.sin(2 * np.pi * (y + lean * 2.2) / 0.3)
    column = np.cos(2 * np.pi * x / 0.42)
    grain = 0.6 + 0.25 * sheet.noise(np.random.default_rng(42), 0.5)
    return np.asarray(0.016 * (0.7 * row + 0.5 * column) * grain, np.float32)


def _collar(tone: Array, curve: Array, sheet: Sheet) -> Array:
    """A ribbed band along the neckline."""
    tangent = np.gradient(curve, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    if normal[100, 1] < 0:
        normal = -normal
    width = 0.95
    outer = curve + normal * width
    band = sheet.fill(np.concatenate([curve, outer[::-1]]).astype(np.float32), 0.02)
    tone = tone - 0.2 * sheet.line(outer + [0, 0.12], 0.24, 0.1) * (1 - band)
    ribs = np.zeros(sheet.shape, np.float32)
    for n in range(1, 200, 2):
        rib = np.stack([curve[n] + normal[n] * d for d in np.linspace(0.04, width - 0.04, 6)])
        ribs = np.maximum(ribs, sheet.line(rib.astype(np.float32), 0.085))
    across = np.zeros(sheet.shape, np.float32)
    for share, value in ((0.2, -0.05), (0.45, 0.1), (0.85, -0.08)):
        across += value * sheet.line((curve + normal * width * share).astype(np.float32), 0.4, 0.14)
    x, _ = sheet.grid()
    base = 0.55 - 0.022 * x + across
    banded = base + 0.07 * (sheet.blur(ribs, 0.03) - 0.5)
    return np.asarray(tone * (1 - band) + banded * band, np.float32)
