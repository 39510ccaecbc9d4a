"""The inside of the mouth: a dark room, the tongue and lower teeth on the jaw, the upper teeth."""

from __future__ import annotations

import numpy as np

from jamflow_rt.render.rig import Area
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

# Painted for lips that meet at y = 5; the rig moves the layers to where the sitter's do.
PAINTED_SEAM = 5.03
MOUTH = Area(-3, 3.5, 3, 8)
CAVITY = Area(-3, 3.5, 3, 7.5)

# Right edge of each tooth from the middle outwards, and its free edge relative to the row's.
_UPPER = ((0.0, 0.0), (0.79, 0.0), (1.36, -0.07), (1.88, -0.02), (2.32, -0.12), (2.7, -0.2))
_LOWER = ((0.0, 0.0), (0.5, 0.0), (1.02, 0.02), (1.58, 0.0), (2.1, 0.08), (2.6, 0.14))
_TOOTH: Colour = (242, 234, 221)


def paint_cavity(sheet: Sheet) -> tuple[Array, Array]:
    """Colour and coverage of what one sees between the teeth."""
    x, y = sheet.grid()
    depth = np.sqrt((x / 2.6) ** 2 + ((y - 5.6) / 2.2) ** 2)
    image = ramp(depth, [(0.0, (44, 12, 14)), (0.5, (62, 18, 20)), (1.2, (96, 34, 34))])
    # Round below, where the jaw is narrow and nothing may look out behind it.
    form = np.sqrt((x / 2.8) ** 2 + ((y - 5.1) / 2.2) ** 2)
    return image, smoothstep(1.0, 0.96, form)


def paint_tongue(sheet: Sheet) -> tuple[Array, Array]:
    """Tongue and lower teeth, as they lie when the jaw is closed."""
    outline = spline(
        [
            (-1.55, 6.35),
            (-1.75, 5.5),
            (-1.1, 4.95),
            (0, 4.8),
            (1.1, 4.95),
            (1.75, 5.5),
            (1.55, 6.35),
            (0, 6.9),
        ],
        300,
        True,
    )
    alpha = sheet.fill(outline, 0.06)
    _, y = sheet.grid()
    tone = (y - 4.75) / 1.1 + 0.04 * sheet.noise(np.random.default_rng(5), 0.12)
    image = ramp(
        tone,
        [(0.0, (92, 34, 36)), (0.3, (150, 66, 66)), (0.7, (190, 96, 92)), (1.2, (170, 80, 78))],
    )
    image = lay(image, (104, 40, 42), 0.5 * sheet.spot(0, 5.4, 0.07, 0.8))
    image = glow(image, (255, 190, 180), 0.22 * (sheet.spot(-0.5, 5.35, 0.3, 0.1)))
    teeth, cover = _row(sheet, _LOWER, 5.24, 6.2, down=False)
    image = lay(image, (60, 18, 20), 0.6 * sheet.blur(cover, 0.12))
    image = lay(image, teeth, cover)
    return image, np.maximum(alpha, cover)


def paint_upper_teeth(sheet: Sheet) -> tuple[Array, Array]:
    """The upper teeth with their gum."""
    teeth, cover = _row(sheet, _UPPER, 5.22, 4.1, down=True)
    x, y = sheet.grid()
    gum = ramp(
        y + np.zeros(sheet.shape, np.float32), [(3.5, (150, 70, 70)), (4.5, (190, 104, 100))]
    )
    band = np.asarray(smoothstep(4.62, 4.42, y) * smoothstep(2.9, 2.5, np.abs(x)), np.float32)
    image = lay(teeth, gum, sheet.blur(band, 0.03))
    return image, np.maximum(cover, band)


def _row(
    sheet: Sheet, widths: tuple[tuple[float, float], ...], free: float, root: float, down: bool
) -> tuple[Array, Array]:
    """A row of teeth between the free edge and the roots."""
    image = sheet.blank(_TOOTH)
    cover = np.zeros(sheet.shape, np.float32)
    x, y = sheet.grid()
    sign = 1 if down else -1
    for side in (-1, 1):
        for (start, _), (end, lift) in zip(widths, widths[1:], strict=False):
            middle, half = side * (start + end) / 2, (end - start) / 2 - 0.006
            edge = free + sign * lift
            shape = [
                (middle - half * 0.86, root),
                (middle - half, edge - sign * 0.45),
                (middle - half * 0.94, edge - sign * 0.07),
                (middle - half * 0.7, edge),
                (middle + half * 0.7, edge),
                (middle + half * 0.94, edge - sign * 0.07),
                (middle + half, edge - sign * 0.45),
                (middle + half * 0.86, root),
            ]
            tooth = sheet.fill(spline(shape, 120), 0.012)
            across = np.clip(np.abs(x - middle) / half, 0, 1)
            image = glaze(image, (204, 184, 168), 0.6 * tooth * smoothstep(0.55, 1.0, across))
            image = glow(
                image,
                (255, 255, 255),
                0.3 * tooth * smoothstep(0.6, 0.0, np.abs(x - middle + 0.12) / half),
            )
            cover = np.maximum(cover, tooth)
    # The row curves back into the dark.
    image = glaze(image, (70, 34, 34), smoothstep(0.8, 2.5, np.abs(x)) * np.ones(sheet.shape))
    image = glaze(
        image, (205, 190, 186), 0.5 * smoothstep(free - sign * 0.3, free, y) * np.ones(sheet.shape)
    )
    gap = sheet.blur(cover, 0.012)
    return lay(image, (190, 160, 146), 0.55 * (1 - gap)), smoothstep(
        0.1, 0.5, sheet.blur(cover, 0.02)
    )
