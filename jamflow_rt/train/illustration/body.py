"""Neck and shoulders, and the clothes over them."""

from __future__ import annotations

import numpy as np

from jamflow_rt.train.illustration.look import Look
from jamflow_rt.train.illustration.paint import (
    Array,
    Sheet,
    glaze,
    lay,
    ramp,
    smoothstep,
    spline,
)


def paint_body(sheet: Sheet, look: Look) -> tuple[Array, Array]:
    """Colour and coverage of everything below the chin."""
    skin = _skin(sheet, look)
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
    neck[:, 0] *= _wide(look, neck[:, 1])
    skin_alpha = sheet.fill(neck, 0.02)
    cloth, worn = look.clothes.paint(sheet)
    image = lay(skin, look.skin.of((70, 36, 34)), 0.5 * sheet.blur(worn, 0.22) * skin_alpha)
    image = lay(image, cloth, worn)
    for side in (-1, 1) if look.hair.falls() else ():
        fall = spline([(side * 4.4, 6), (side * 5.0, 9.5), (side * 5.8, 12.6)])
        image = glaze(image, (150, 92, 80), 0.55 * sheet.line(fall, 2.2, 0.5) * skin_alpha)
    return image, np.maximum(skin_alpha, worn)


def _both(half: list[tuple[float, float]]) -> Array:
    """A closed outline from its left half, top to bottom."""
    left = spline(half[:-1], 200)
    right = (left * [-1, 1])[::-1]
    return np.asarray(np.concatenate([left, right]), np.float32)


def _wide(look: Look, y: Array) -> Array:
    """How much wider than a slender neck it is at a height."""
    return np.asarray(1 + (look.shape.neck - 1) * smoothstep(13.5, 9.5, y), np.float32)


def _skin(sheet: Sheet, look: Look) -> Array:
    x, y = sheet.grid()
    width = np.interp(y, [5, 9, 11.5, 14], [3.8, 3.8, 4.6, 9.0]) * _wide(look, y)
    u = x / width
    tone = 0.66 - 0.2 * (u + 0.25) - 0.34 * np.clip(np.abs(u) - 0.35, 0, 1) ** 1.5
    tone = tone + 0.06 * smoothstep(10.5, 13.5, y)
    # The jaw's shadow falls to the right; its edge follows the chin.
    jaw = 9.65 + (0.85 - look.shape.chin) + 0.9 * smoothstep(-4, 4, x) - 0.055 * (x - 0.6) ** 2
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
    image = ramp(tone.astype(np.float32), look.skin.tones)
    image = glaze(image, (255, 206, 192), 0.3 * shadow * np.ones(sheet.shape, np.float32))
    return image
