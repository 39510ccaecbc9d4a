"""Clothes: a knitted pullover, a shirt with a collar, and a blouse that is wrapped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jamflow_rt.train.illustration.look import Curve, Ramp
from jamflow_rt.train.illustration.paint import (
    Array,
    Colour,
    Sheet,
    glow,
    lay,
    ramp,
    rgb,
    smoothstep,
    spline,
)

_SHOULDER: Curve = (
    (-5.2, 12.75),
    (-8.0, 13.5),
    (-11.5, 14.7),
    (-14.6, 16.6),
    (-16.4, 19.4),
    (-17.4, 22.5),
)
Fold = tuple[Curve, float, float]
"""A path, how bright (or, below 0, dark) it is, and its width."""
_SLEEVES: tuple[Fold, ...] = (
    (((-13.2, 22), (-11.6, 19), (-11.2, 16.6)), -0.2, 0.7),
    (((13.2, 22), (11.6, 19), (11.2, 16.6)), -0.24, 0.7),
    (((-10.8, 22), (-10.0, 19.6), (-10.2, 17.8)), 0.1, 0.6),
)


def _outline(collar: Array, broad: float = 1.0) -> Array:
    """Shoulders and sleeves down to the edge of the picture, above them the collar's curve."""
    left = spline(_SHOULDER)
    left[:, 0] -= (broad - 1) * 8 * smoothstep(12.75, 16, left[:, 1])
    return np.asarray(np.concatenate([left[::-1], collar, left * [-1, 1]]), np.float32)


def _drape(sheet: Sheet, alpha: Array, folds: tuple[Fold, ...], seed: int) -> Array:
    """The light (H, W) on cloth, before its weave."""
    x, y = sheet.grid()
    tone = np.zeros(sheet.shape, np.float32)
    tone += 0.56 - 0.016 * x - 0.02 * (y - 14)
    inside = sheet.blur(alpha, 0.9)
    tone -= 0.42 * (1 - smoothstep(0.45, 1.0, inside))
    tone += 0.14 * sheet.spot(-8.5, 15.2, 3.0, 1.0, 0.32)
    for path, strength, width in folds:
        taper = width * np.sin(np.linspace(0.15, np.pi - 0.15, 200))
        tone += strength * sheet.line(spline(path), taper, 0.4)
    tone += 0.012 * sheet.noise(np.random.default_rng(seed), 2.4)
    return sheet.blur(tone, 0.1)


@dataclass(frozen=True)
class Pullover:
    """Knitted wool with a ribbed band at the neck."""

    wool: Ramp

    def paint(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage."""
        x, y = sheet.grid()
        half = ((0, 15.55), (2.4, 15.15), (4.3, 14.0), (5.2, 12.75))
        collar = spline([*((-x, y) for x, y in half[:0:-1]), *half])
        alpha = sheet.fill(_outline(collar), 0.02)
        folds: tuple[Fold, ...] = (
            *_SLEEVES,
            (((-4.6, 15.2), (-6.0, 17.2), (-6.4, 20)), -0.07, 0.6),
            (((4.6, 15.2), (6.2, 17.2), (6.6, 20)), -0.09, 0.6),
            (((-2.6, 16.6), (-0.4, 18.0), (2.2, 18.2)), -0.05, 0.5),
            (((-3.0, 17.3), (-0.4, 18.8), (2.6, 19.0)), 0.05, 0.5),
        )
        tone = _drape(sheet, alpha, folds, 41)
        tone += _knit(x, y, sheet)
        tone = _ribs(tone, collar, sheet)
        return ramp(tone, self.wool), alpha


def _knit(x: Array, y: Array, sheet: Sheet) -> Array:
    """Rows of stitches, faint."""
    lean = 0.09 * np.abs(((x / 0.42) % 1) - 0.5)
    row = np.sin(2 * np.pi * (y + lean * 2.2) / 0.3)
    column = np.cos(2 * np.pi * x / 0.42)
    grain = 0.6 + 0.25 * sheet.noise(np.random.default_rng(42), 0.5)
    return np.asarray(0.016 * (0.7 * row + 0.5 * column) * grain, np.float32)


def _ribs(tone: Array, curve: Array, sheet: Sheet) -> Array:
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


@dataclass(frozen=True)
class Shirt:
    """Woven cotton, its collar open."""

    cotton: Ramp
    button: Colour
    broad: float = 1.0
    """Width of the shoulders."""

    def paint(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage."""
        collar = spline([(-5.4, 12.5), (-4.0, 13.6), (-1.9, 15.4), (0.1, 17.6)], 120)
        right = spline([(0.1, 17.6), (2.1, 15.3), (4.1, 13.5), (5.4, 12.5)], 120)
        neck = np.concatenate([collar, right[1:]])
        alpha = sheet.fill(_outline(neck, self.broad), 0.02)
        folds: tuple[Fold, ...] = (
            *_SLEEVES,
            (((-5.2, 16.4), (-6.6, 18.6), (-6.8, 22)), -0.09, 0.6),
            (((5.2, 16.4), (6.8, 18.6), (7.2, 22)), -0.11, 0.6),
            (((-3.4, 18.4), (-3.0, 20.4), (-3.4, 22.4)), 0.07, 0.5),
            (((9.0, 15.4), (7.4, 17.6), (4.2, 19.6)), -0.06, 0.5),
            (((-8.6, 15.6), (-6.8, 17.6), (-4.0, 19.4)), -0.05, 0.5),
        )
        tone = _drape(sheet, alpha, folds, 43) + self._weave(sheet)
        # The edge that is buttoned over the other one, sewn twice.
        edge = spline([(0.1, 17.6), (0.75, 19.6), (0.95, 22.6)])
        tone -= 0.2 * sheet.line(edge + [0.14, 0.06], 0.3, 0.09)
        tone += 0.08 * sheet.line(edge - [0.12, 0], 0.16, 0.05)
        tone -= 0.07 * sheet.line(edge - [0.34, 0], 0.04, 0.012)
        tone -= 0.07 * sheet.line(edge - [1.5, 0], 0.05, 0.015)
        image = ramp(tone, self.cotton)
        for y in (18.6, 21.2):
            at = float(np.interp(y, edge[:, 1], edge[:, 0])) - 0.75
            image = lay(image, (20, 22, 28), 0.5 * sheet.spot(at + 0.06, y + 0.08, 0.2, 0.19))
            disc = sheet.fill(_disc(at, y, 0.25), 0.02)
            image = lay(image, self.button, disc)
            image = glow(image, (255, 255, 255), 0.35 * disc * sheet.spot(at - 0.1, y - 0.1, 0.1))
            for hole in (-0.07, 0.07):
                image = lay(image, (40, 40, 44), 0.8 * sheet.fill(_disc(at + hole, y, 0.035)))
        for side in (-1, 1):
            image, alpha = self._flap(image, alpha, sheet, side)
        return image, alpha

    def _weave(self, sheet: Sheet) -> Array:
        x, y = sheet.grid()
        across, along = np.sin(2 * np.pi * x / 0.17), np.sin(2 * np.pi * y / 0.17)
        return np.asarray(0.008 * (across + along), np.float32)

    def _flap(self, image: Array, alpha: Array, sheet: Sheet, side: int) -> tuple[Array, Array]:
        """One half of the collar, turned down."""
        inner = spline([(4.75, 10.9), (4.3, 12.7), (2.7, 15.2), (0.5, 17.2)], 80)
        tip = (2.9, 18.9)
        outer = spline([tip, (4.7, 16.6), (6.1, 14.2), (6.2, 12.3), (4.75, 10.9)], 80)
        front = spline([(0.5, 17.2), (1.7, 18.2), tip], 30)
        shape = np.concatenate([inner, front[1:], outer[1:]]) * [side, 1]
        flap = sheet.fill(shape.astype(np.float32), 0.02)
        under = sheet.blur(flap, 0.3) * (1 - flap) * alpha
        image = lay(image, (10, 14, 24), 0.75 * under)
        x, y = sheet.grid()
        tone = 0.62 - 0.022 * x - 0.03 * (y - 14) + self._weave(sheet)
        fold = inner * [side, 1]
        tone = tone + 0.14 * sheet.line(fold + [side * 0.35, 0.1], 0.45, 0.18)
        tone = tone - 0.2 * (1 - smoothstep(0.55, 1.0, sheet.blur(flap, 0.28)))
        seam = np.concatenate([front[1:], outer[1:60]]) * [side, 1]
        centre = np.array([side * 3.6, 15.0])
        tone = tone - 0.09 * sheet.line(seam + 0.07 * (centre - seam), 0.05, 0.015)
        return lay(image, ramp(tone, self.cotton), flap), np.maximum(alpha, flap)


@dataclass(frozen=True)
class Blouse:
    """Soft cloth, wrapped, with a fine chain above it."""

    cloth: Ramp
    chain: Colour

    def paint(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage."""
        right_edge = ((5.9, 12.9), (4.7, 14.3), (2.4, 16.2), (0.2, 17.8))
        left = spline([(-5.9, 12.9), (-4.6, 14.4), (-2.2, 16.4), (0.2, 17.8)], 120)
        right = spline(right_edge[::-1], 120)
        alpha = sheet.fill(_outline(np.concatenate([left, right[1:]]), 0.97), 0.02)
        folds: list[Fold] = list(_SLEEVES)
        for n in range(5):
            drop, strength = 1.5 * n, 0.1 if n % 2 else -0.12
            path = ((6.6 + 0.9 * n, 13.7 + 0.35 * n), (3.6 + n, 17.2 + drop), (-1.6, 20.4 + drop))
            folds.append((path, strength, 0.6))
            path = ((-6.8 - n, 13.9 + 0.4 * n), (-4.6 - n, 17.0 + drop), (-1.8 - n, 20.0 + drop))
            folds.append((path, strength, 0.55))
        tone = _drape(sheet, alpha, tuple(folds), 47)
        # The right side lies over the left one and goes on below it.
        over = spline([*right_edge, (-2.4, 19.8), (-4.4, 21.2), (-6, 22.6)])
        tone -= 0.3 * sheet.line(over + [-0.22, 0.12], 0.5, 0.16) * alpha
        for edge, side in ((over, 1), (left, -1)):
            shift = np.array([side * 0.3, 0.14])
            tone += 0.1 * sheet.line(edge + shift, 0.34, 0.12)
            tone -= 0.08 * sheet.line(edge + 1.9 * shift, 0.05, 0.02)
        image = ramp(tone, self.cloth)
        return self._necklace(image, alpha, sheet)

    def _necklace(self, image: Array, alpha: Array, sheet: Sheet) -> tuple[Array, Array]:
        x, _ = sheet.grid()
        line = spline([(-4.2, 11.6), (-3.0, 13.6), (0, 15.6), (3.0, 13.6), (4.2, 11.6)])
        beads = 0.5 + 0.5 * np.sin(2 * np.pi * np.hypot(*np.broadcast_arrays(x, 0)) / 0.16)
        chain = sheet.line(line, 0.085, 0.015) * (1 - alpha)
        drop = sheet.fill(_disc(0, 15.95, 0.33), 0.02)
        shade = sheet.blur(np.maximum(chain, drop), 0.07)
        cover = np.maximum(chain, drop)
        colour = np.asarray(rgb(self.chain) * (0.72 + 0.4 * beads[..., None]), np.float32)
        metal = lay(np.broadcast_to(colour, image.shape), self.chain, drop)
        metal = glow(metal, (255, 250, 230), 0.9 * drop * sheet.spot(-0.1, 15.85, 0.09))
        metal = lay(metal, (110, 72, 30), 0.5 * drop * sheet.spot(0.16, 16.1, 0.13))
        # What lies beside the chain on the skin is its shade, thin enough to need no colour.
        skin = lay(image, (60, 30, 22), (1 - alpha) * np.clip(2 * shade, 0, 1))
        image = lay(skin, metal, cover)
        return image, np.maximum.reduce([alpha, cover, 0.35 * shade])


def _disc(x: float, y: float, radius: float) -> Array:
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)
