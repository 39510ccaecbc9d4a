"""Short hair: close at the sides, longer above and combed to one side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jamflow_rt.render.rig import Area
from jamflow_rt.train.illustration.look import Ramp
from jamflow_rt.train.illustration.paint import Array, Sheet, smoothstep, spline
from jamflow_rt.train.illustration.strands import (
    STEPS,
    Canvas,
    Curtain,
    paint_locks,
    skull,
)


@dataclass(frozen=True)
class ShortHair:
    """Hair combed up from the forehead, over sides that are cut short."""

    top: tuple[Curtain, ...]
    """Painted one over the other."""
    side_out: tuple[tuple[float, float], ...]
    """The outline of a side on the right of the picture, from above down to the whiskers."""
    side_in: tuple[tuple[float, float], ...]
    """Where it meets the face, likewise."""
    tones: Ramp
    front: Area = Area(-10, -15, 10, 3)
    back: Area = Area(-9, -13, 9, 4)
    behind: float = 1.0

    def paint_front(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage of the hair on the head and before the ears."""
        canvas = Canvas(sheet, self.tones)
        for side in (-1, 1):
            self._side(canvas, side)
        for curtain in self.top:
            guides = [curtain.guide(s) for s in np.linspace(0.02, 0.98, 40)]
            last = int(STEPS * curtain.solid)
            # Roots are no chord but a line of their own, a little above which the hair is dense.
            roots, ends = [g[STEPS // 8] for g in guides], [g[last] for g in guides]
            canvas.mass(np.array([*roots, *ends[::-1]], np.float32), 0.2)
            paint_locks(canvas, curtain)
        return canvas.done()

    def paint_back(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage of what shows of the neck's hair behind the ears."""
        canvas = Canvas(sheet, self.tones)
        half = [(5.0, -10.5), (7.2, -7.0), (7.3, -2.5), (6.6, 1.2), (5.0, 2.6)]
        outline = spline([(0, -11.5), *half, *[(-x, y) for x, y in half[::-1]]], 300, True)
        canvas.mass(outline, 0.17)
        return canvas.done()

    def edges(self) -> list[Array]:
        """Curves (N, 2) along which hair throws its shade on the face."""
        roots = [curtain.guide(s)[0] for curtain in self.top for s in np.linspace(0, 1, 24)]
        order = np.array(sorted(roots, key=lambda place: float(place[0])))
        return [spline(order[::4])]

    def falls(self) -> bool:
        """It is too short to."""
        return False

    def follow(self, x: Array, y: Array) -> Array:
        """All of it moves with the head."""
        return np.ones_like(x + y)

    def depth(self, x: Array, y: Array) -> Array:
        """Close to the head, whose sides turn away steeply."""
        return np.asarray(skull(x, y) + 2.0 * smoothstep(5.4, 7.9, np.abs(x)), np.float32)

    def _side(self, canvas: Canvas, side: int) -> None:
        outer, inner = spline(self.side_out, 120), spline(self.side_in, 120)
        # Towards the face and the beard it thins out.
        share = np.linspace(0.3, 0.7, 120)[:, None]
        core = np.concatenate([outer[:104], (inner + share * (outer - inner))[:104][::-1]])
        canvas.mass((core * [side, 1]).astype(np.float32), 0.2)
        rng = np.random.default_rng(81 + side)
        t = np.linspace(0, 1, STEPS // 4, dtype=np.float32)[:, None]
        lamp = 0.1 if side < 0 else 0.0
        for _ in range(int(2600 * canvas.share)):
            s, across = rng.uniform(0, 1), rng.uniform(-0.06, 1)
            n = int(s * 119)
            root = inner[n] + across * (outer[n] - inner[n])
            # Back from the face above, down before the ear.
            aim = np.array([0.75 - 0.75 * s + rng.normal(0, 0.1), 0.35 + 0.65 * s])
            length = rng.uniform(0.45, 0.85) * (1 - 0.4 * s)
            path = root + aim * length * t + [0, 0.2 * length] * t**2
            # It ends with its outline, a hair's breadth beyond.
            over = np.interp(path[:, 1], outer[:, 1], outer[:, 0]) + 0.08
            path[:, 0] = np.minimum(path[:, 0], over)
            round_ = 0.26 * np.sin(np.pi * np.clip(0.15 + 0.7 * across, 0, 1))
            tone = 0.12 + lamp + round_ + rng.normal(0, 0.07) - 0.1 * float(smoothstep(0.5, 1, s))
            tones = np.full(len(t), tone) + 0.06 * np.sin(np.pi * t[:, 0])
            canvas.strand(path * [side, 1], np.clip(tones, 0.02, 1), 0.024)
