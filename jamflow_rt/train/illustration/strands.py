"""Strands: hair along guide curves, in locks that are each shaded as the tube they are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from jamflow_rt.train.illustration.look import Ramp
from jamflow_rt.train.illustration.paint import Array, Sheet, smoothstep, spline

STEPS = 84
"""Points of a strand."""
_FULL = 52
"""Pixels a unit at which all strands are drawn; a smaller picture needs fewer of them."""


@dataclass(frozen=True)
class Curtain:
    """Hair that falls or is combed one way: guides in order, roots first."""

    guides: tuple[tuple[tuple[float, float], ...], ...]
    seed: int
    side: int
    waves: float = 1.0
    """How far the lengths swing."""
    locks: int = 30
    width: float = 0.034
    """Of a lock, as a share of the curtain."""
    unruly: float = 1.0
    """How differently locks begin, end and lie."""
    gloss: float = 1.0
    """How much it shines."""
    ragged: float = 0.0
    """Share of the length within which strands begin."""
    solid: float = 0.74
    """Share of the length up to which nothing shows through."""

    def guide(self, s: float) -> Array:
        """The curve at share s (0 at the first guide, 1 at the last)."""
        curves = [spline(points, STEPS) for points in self.guides]
        place = np.clip(s, 0, 1) * (len(curves) - 1)
        n = min(int(place), len(curves) - 2)
        return np.asarray(curves[n] + (place - n) * (curves[n + 1] - curves[n]), np.float32)


class Canvas:
    """Bytes to draw strands on, with their coverage."""

    def __init__(self, sheet: Sheet, tones: Ramp) -> None:
        self.sheet = sheet
        self.image: NDArray[np.uint8] = np.zeros((*sheet.shape, 3), np.uint8)
        self.alpha: NDArray[np.uint8] = np.zeros(sheet.shape, np.uint8)
        self.share = min(1.0, sheet.density / _FULL)
        places = [place for place, _ in tones]
        axis = np.linspace(0, 1, 256)
        self.table = np.stack(
            [np.interp(axis, places, [c[k] for _, c in tones]) for k in range(3)], 1
        )

    def mass(self, outline: Array, tone: float) -> None:
        """A patch (N, 2) of one tone, from 0 to 1."""
        fixed = np.round(self.sheet.pixels(outline) * 16).astype(np.int32)
        colour = [float(c) for c in self.table[int(tone * 255)]]
        cv2.fillPoly(self.image, [fixed], colour, cv2.LINE_AA, 4)
        cv2.fillPoly(self.alpha, [fixed], (255,), cv2.LINE_AA, 4)

    def strand(self, path: Array, tones: Array, width: float) -> None:
        """One hair along a path (N, 2), with a tone at every point."""
        places = np.round(self.sheet.pixels(path) * 16).astype(np.int32)
        colours = self.table[(np.clip(tones, 0, 1) * 255).astype(int)]
        thick = max(1, round(width * self.sheet.density))
        for n in range(len(places) - 1):
            a, b = places[n].tolist(), places[n + 1].tolist()
            wide = thick if n < len(places) * 3 // 4 else 1
            cv2.line(self.image, a, b, colours[n].tolist(), wide, cv2.LINE_AA, 4)
        # Tips are thinner than what leads to them.
        tip = len(places) * 3 // 4
        cv2.polylines(self.alpha, [places[: tip + 1]], False, (255,), thick, cv2.LINE_AA, 4)
        cv2.polylines(self.alpha, [places[tip:]], False, (255,), 1, cv2.LINE_AA, 4)

    def done(self) -> tuple[Array, Array]:
        """Colour and coverage of what was drawn."""
        return self.image.astype(np.float32) / 255, self.alpha.astype(np.float32) / 255


def paint_mass(canvas: Canvas, curtain: Curtain) -> None:
    """What the locks of a curtain lie on."""
    inner, outer = curtain.guide(0.05), curtain.guide(0.96)
    end = int(STEPS * curtain.solid)
    canvas.mass(np.concatenate([inner[:end], outer[:end][::-1]]), 0.2)


def paint_locks(canvas: Canvas, curtain: Curtain) -> None:
    """The locks of a curtain, back to front."""
    rng = np.random.default_rng(curtain.seed)
    t = np.linspace(0, 1, STEPS, dtype=np.float32)
    table = np.stack([curtain.guide(float(s)) for s in np.linspace(0, 1, 97)])
    count = curtain.locks
    centres = np.linspace(0.02, 0.98, count) + rng.normal(0, 0.008, count)
    # Back to front: from outside to the face, a little shuffled, some locks on top of the rest.
    order = list(np.argsort(-centres + rng.normal(0, 0.14, count)))
    extra = [(float(rng.uniform(-0.01, 0.97)), float(rng.uniform(0.008, 0.02))) for _ in range(22)]
    locks = [(float(centres[n]), curtain.width) for n in order] + extra
    for centre, width in locks:
        # Neighbouring locks wave alike, so that the whole reads as waves and not as noise.
        phase = 3.0 * centre + curtain.side + rng.normal(0, 0.38)
        swing = rng.uniform(0.42, 0.68) * (0.4 + 0.6 * float(smoothstep(0.05, 0.25, centre)))
        swing *= curtain.waves
        shine = 0.03 * np.sin(centre * 9 + curtain.seed) + rng.normal(0, 0.025)
        length = 1 - curtain.unruly * (1 - rng.uniform(0.9, 1.0))
        depth = rng.normal(0, 0.06) * curtain.unruly
        for _ in range(int((2500 * width + 16) * canvas.share)):
            across = rng.uniform(-1, 1)
            spread = 1.1 - 0.8 * t**3
            shares = centre + across * width * spread + rng.normal(0, 0.003)
            path = _along(table, shares)
            turn = t * 15.5 + phase
            wave = smoothstep(0.36, 0.72, t) * swing
            path[:, 0] += wave * np.sin(turn + 0.25 * across)
            path[:, 1] += 0.3 * wave * np.cos(turn)
            end = max(
                8, int(STEPS * length * (1 - 0.24 * rng.random() ** 1.4) * (1 - 0.06 * across**2))
            )
            tube = np.sqrt(max(1 - across**2, 0))
            tone = 0.2 + 0.22 * tube + depth + rng.normal(0, 0.05)
            # Where a wave turns to the lamp it shines.
            facing = 0.2 * curtain.waves * smoothstep(0.36, 0.72, t) * np.sin(turn + 0.9)
            light = curtain.gloss * _light(path, curtain.side, t, shine) + facing
            tones = np.clip(tone + light * (0.35 + 0.65 * tube), 0.03, 1)
            width_of = rng.uniform(0.02, 0.036)
            first = int(STEPS * curtain.ragged * rng.random()) if curtain.ragged else 0
            canvas.strand(path[first:end], tones[first:end], width_of)
    _stray(canvas, table, rng, curtain.waves)


def _stray(canvas: Canvas, table: Array, rng: np.random.Generator, waves: float) -> None:
    """Single hairs that keep to no lock."""
    t = np.linspace(0, 1, STEPS, dtype=np.float32)
    for _ in range(int(70 * canvas.share)):
        share = rng.choice(
            [rng.uniform(0.03, 0.1), rng.uniform(0.3, 1.0), rng.uniform(0.98, 1.015)]
        )
        path = _along(table, np.full(STEPS, share))
        path[:, 0] += (
            waves
            * smoothstep(0.3, 0.8, t)
            * rng.normal(0, 0.4)
            * np.sin(t * 12 + rng.uniform(0, 6))
        )
        first, last = int(STEPS * rng.uniform(0.05, 0.3)), int(STEPS * rng.uniform(0.6, 1))
        canvas.strand(path[first:last], np.full(last - first, rng.uniform(0.3, 0.62)), 0.018)


def _along(table: Array, shares: Array) -> Array:
    """A path (steps, 2) that may change its share of the curtain from step to step."""
    last = len(table) - 1
    place = np.clip(shares, 0, 1) * (last - 0.001)
    n = place.astype(int)
    steps = np.arange(STEPS)
    low, high = table[n, steps], table[n + 1, steps]
    path = low + (place - n)[:, None] * (high - low)
    beyond = np.minimum(shares, 0) + np.maximum(shares - 1, 0)
    path[:, 0] += beyond * 6
    return np.asarray(path, np.float32)


def _light(path: Array, side: int, t: Array, shine: float) -> Array:
    """Gloss where the hair bends towards the lamp, shade beside the face and under the crown."""
    x, y = path[:, 0], path[:, 1]
    crown = np.exp(-(((t - 0.24 - shine) / 0.085) ** 2))
    second = 0.55 * np.exp(-(((t - 0.66 - shine) / 0.07) ** 2))
    lamp = 1.0 if side < 0 else 0.72
    gloss = lamp * (0.5 * crown + 0.3 * second)
    near = 0.2 * np.exp(-((np.abs(x) - 5.9) ** 2) / 0.9) * smoothstep(-5, 0, y)
    root = 0.16 * smoothstep(0.08, 0.0, t)
    return np.asarray(gloss - near - root - 0.06 * (side > 0), np.float32)


def skull(x: Array, y: Array) -> Array:
    """Depth z of the hair on a head, at places x, y."""
    away = (x / 10.5) ** 2 + (np.minimum(y + 2, 0) / 11) ** 2
    return np.asarray(-3.4 + 4.2 * np.minimum(away, 1.6), np.float32)
