"""Long hair, parted, that falls over the shoulders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jamflow_rt.render.rig import Area
from jamflow_rt.train.illustration.look import Ramp
from jamflow_rt.train.illustration.paint import Array, Colour, Sheet, lay, smoothstep, spline
from jamflow_rt.train.illustration.strands import (
    STEPS,
    Canvas,
    Curtain,
    paint_locks,
    paint_mass,
    skull,
)


@dataclass(frozen=True)
class LongHair:
    """Two curtains on both sides of a parting, and what hangs behind the neck."""

    left: Curtain
    right: Curtain
    tones: Ramp
    scalp: Colour
    """Of the parting."""
    front: Area = Area(-13, -13.5, 13, 17)
    back: Area = Area(-12, -12.5, 12, 16)
    behind: float = 3.0

    def paint_front(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage of the hair before the face and over the shoulders."""
        canvas = Canvas(sheet, self.tones)
        for curtain in (self.left, self.right):
            paint_mass(canvas, curtain)
            paint_locks(canvas, curtain)
        image, alpha = canvas.done()
        parting = spline([(1.95, -7.75), (1.9, -9.3), (1.78, -11.4)])
        faint = sheet.line(parting, np.linspace(0.1, 0.02, 200), 0.02)
        return lay(image, self.scalp, 0.6 * faint), alpha

    def paint_back(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage of the hair behind neck and head, in the head's shade."""
        canvas = Canvas(sheet, self.tones)
        half = [
            (-5.6, -9.9),
            (-8.3, -5.5),
            (-8.2, 1),
            (-8.3, 7),
            (-8.2, 11),
            (-6.6, 12.9),
            (-4.6, 13.0),
        ]
        outline = spline(
            [(0, -11.4), *half, (0, 12.0), *[(-x, y) for x, y in reversed(half)]], 400, True
        )
        canvas.mass(outline, 0.14)
        rng = np.random.default_rng(33)
        t = np.linspace(0, 1, STEPS)
        for _ in range(int(1100 * canvas.share)):
            s = rng.uniform(-1, 1)
            top, bottom = rng.uniform(-2, 4), rng.uniform(9.5, 13.4) - 1.0 * (1 - abs(s))
            x = s * (7.9 + 0.6 * np.sin(np.pi * t)) + 0.25 * np.sin(t * 9 + s * 8)
            path = np.stack([x, top + (bottom - top) * t], 1)
            tone = 0.1 + 0.22 * abs(s) ** 2 + rng.normal(0, 0.05) + 0.1 * np.sin(s * 40)
            canvas.strand(
                path, np.clip(tone + 0.06 * np.sin(t * 7 + s * 9), 0, 1), rng.uniform(0.03, 0.06)
            )
        image, alpha = canvas.done()
        # Nothing is drawn where the head always covers it: that saves a tenth of every frame.
        across, down = sheet.grid()
        return image, alpha * ((across / 4.2) ** 2 + ((down + 2.5) / 6.5) ** 2 > 1)

    def edges(self) -> list[Array]:
        """Curves (N, 2) along which hair throws its shade on the face."""
        return [spline(curtain.guides[0]) for curtain in (self.left, self.right)]

    def falls(self) -> bool:
        """It hangs beside the neck."""
        return True

    def follow(self, x: Array, y: Array) -> Array:
        """What lies on the shoulders stays there."""
        return np.asarray(1 - 0.75 * smoothstep(2.0, 14.5, y), np.float32)

    def depth(self, x: Array, y: Array) -> Array:
        """On a round skull."""
        return skull(x, y)
