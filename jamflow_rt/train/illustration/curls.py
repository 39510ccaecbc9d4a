"""A round head of tight curls."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from jamflow_rt.render.rig import Area
from jamflow_rt.train.illustration.look import Ramp
from jamflow_rt.train.illustration.paint import Array, Sheet, smoothstep, spline
from jamflow_rt.train.illustration.strands import Canvas, skull


@dataclass(frozen=True)
class Curls:
    """Curls that stand out on all sides."""

    outline: tuple[tuple[float, float], ...]
    """Of the right half, from above down to the ear."""
    hairline: tuple[tuple[float, float], ...]
    """Of the right half, from the middle of the forehead to the ear."""
    tones: Ramp
    size: float = 0.34
    """Radius of a curl."""
    count: int = 2600
    front: Area = Area(-12.5, -16, 12.5, 4.5)
    back: Area = Area(-11, -14, 11, 2)
    behind: float = 3.0

    def paint_front(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage of the curls above and beside the face."""
        canvas = Canvas(sheet, self.tones)
        cloud, line = self._cloud(), self.edges()[0]
        shape = np.concatenate([cloud, line])
        canvas.mass(0.985 * (shape - [0, -5]) + [0, -5], 0.1)
        rng = np.random.default_rng(91)
        self._curls(canvas, shape, rng, self.count, 0.0)
        # Along the hairline they are finer, and lie on the skin.
        for n in rng.integers(0, len(line), int(420 * canvas.share)):
            place = line[n] + rng.normal(0, 0.16, 2)
            self._curl(canvas, place, rng, 0.6 * self.size, 0.2 + rng.normal(0, 0.06))
        return canvas.done()

    def paint_back(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage of the curls behind head and neck, in their own shade."""
        canvas = Canvas(sheet, self.tones)
        half = [(5.5, -11), (8.6, -7.5), (8.6, -4.8), (7.2, -3.0), (5.6, -1.4), (3.0, 0.0)]
        outline = spline([(0, -12), *half, *[(-x, y) for x, y in half[::-1]]], 300, True)
        canvas.mass(outline, 0.04)
        self._curls(canvas, outline, np.random.default_rng(92), self.count // 3, -0.24)
        image, alpha = canvas.done()
        # Nothing is drawn where the head always covers it.
        x, y = sheet.grid()
        return image, alpha * ((x / 4.2) ** 2 + ((y + 4) / 6.5) ** 2 > 1)

    def edges(self) -> list[Array]:
        """Curves (N, 2) along which hair throws its shade on the face."""
        half = self.hairline
        line = spline([*((x, y) for x, y in half[::-1]), *((-x, y) for x, y in half[1:])], 400)
        return [line]

    def falls(self) -> bool:
        """It stands."""
        return False

    def follow(self, x: Array, y: Array) -> Array:
        """All of it moves with the head."""
        return np.ones_like(x + y)

    def depth(self, x: Array, y: Array) -> Array:
        """On a round skull."""
        return skull(x, y)

    def _cloud(self) -> Array:
        """The outer edge, from the left ear over the top to the right one."""
        half = self.outline
        return spline([*((-x, y) for x, y in half[:0:-1]), *half], 400)

    def _curls(
        self, canvas: Canvas, shape: Array, rng: np.random.Generator, count: int, dim: float
    ) -> None:
        outline = shape.astype(np.float32)
        low, high = outline.min(0), outline.max(0)
        middle, half = (low + high) / 2, (high - low) / 2
        places: list[Array] = []
        while len(places) < int(count * canvas.share):
            place = rng.uniform(low, high)
            if cv2.pointPolygonTest(outline, (float(place[0]), float(place[1])), False) >= 0:
                places.append(place)
        # From the outside inwards: curls nearer to the face lie before the others.
        places.sort(key=lambda p: -float(np.hypot(*((p - [0, -3]) / half))) + rng.normal(0, 0.12))
        bumps = _Bumps(rng)
        for place in places:
            u, v = (place - middle) / half
            # The whole is a ball with the lamp above on the left, made of smaller tufts.
            ball = 0.24 - 0.2 * u - 0.22 * v - 0.1 * float(smoothstep(0.7, 1.1, np.hypot(u, v)))
            tone = ball + 0.13 * bumps(place) + dim + rng.normal(0, 0.05)
            self._curl(canvas, place, rng, self.size * rng.uniform(0.75, 1.25), tone)

    def _curl(
        self, canvas: Canvas, place: Array, rng: np.random.Generator, size: float, tone: float
    ) -> None:
        """One strand that winds: light on its upper left, dark where it turns under."""
        turns, start, sign = rng.uniform(1.2, 2.0), rng.uniform(0, 2 * np.pi), rng.choice((-1, 1))
        t = np.linspace(0, 1, 22)
        angle = start + sign * 2 * np.pi * turns * t
        radius = size * (1 - 0.45 * t)
        drift = np.array([rng.normal(0, 0.5), rng.normal(0.15, 0.4)]) * size
        squeeze = rng.uniform(0.55, 0.95)
        path = np.stack([radius * np.cos(angle), squeeze * radius * np.sin(angle)], 1)
        path = place + path + drift * t[:, None]
        lit = -0.6 * np.cos(angle) - 0.8 * np.sin(angle)
        tones = np.clip(tone + 0.17 * lit + 0.12 * np.clip(lit, 0, 1) ** 4, 0.0, 1)
        canvas.strand(path.astype(np.float32), tones, 0.07)


class _Bumps:
    """Smooth noise over the plane: the tufts that curls gather in."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._waves = rng.normal(0, 1.6, (7, 2))
        self._phases = rng.uniform(0, 2 * np.pi, 7)

    def __call__(self, place: Array) -> float:
        return float(np.sin(self._waves @ place + self._phases).sum() / np.sqrt(7 / 2))
