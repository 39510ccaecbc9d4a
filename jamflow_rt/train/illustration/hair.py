"""Hair: locks of strands along guide curves, each lock shaded as the tube it is."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from jamflow_rt.train.illustration.paint import Array, Colour, Sheet, lay, smoothstep, spline

HAIR_FRONT = Sheet(-13, -13.5, 13, 17)
HAIR_BACK = Sheet(-12, -12.5, 12, 16)

_TONES: tuple[tuple[float, Colour], ...] = (
    (0.0, (26, 14, 12)),
    (0.25, (54, 30, 22)),
    (0.5, (98, 58, 38)),
    (0.72, (146, 92, 58)),
    (0.9, (196, 138, 92)),
    (1.0, (232, 184, 136)),
)
_STEPS = 84


class Curtain(NamedTuple):
    """Hair on one side of the parting: guides from the face outwards, roots first."""

    guides: list[list[tuple[float, float]]]
    seed: int
    side: int


LEFT = Curtain(
    [
        [(1.95, -7.9), (0.2, -8.25), (-2.8, -7.6), (-5.0, -5.4), (-5.9, -2.2), (-5.8, 1.2)]
        + [(-5.7, 4.4), (-6.1, 8.2), (-6.0, 12.2)],
        [(1.95, -8.9), (-0.4, -9.75), (-4.2, -8.9), (-6.5, -6.1), (-7.3, -2.2), (-7.5, 1.8)]
        + [(-7.8, 5.8), (-7.8, 9.6), (-7.1, 13.4)],
        [(1.85, -10.7), (-1.0, -11.45), (-5.2, -10.3), (-7.9, -7.2), (-8.5, -3.0), (-8.2, 1.5)]
        + [(-8.8, 5.8), (-9.3, 9.8), (-8.0, 14.2)],
        [(1.7, -12.3), (-1.4, -12.6), (-5.9, -11.6), (-8.7, -8.3), (-9.3, -3.6), (-8.9, 1.2)]
        + [(-9.7, 5.6), (-10.2, 9.4), (-8.8, 13.2)],
    ],
    31,
    -1,
)
RIGHT = Curtain(
    [
        [(1.95, -7.9), (3.4, -7.8), (5.0, -6.4), (5.9, -3.8), (6.05, -0.6), (5.85, 2.6)]
        + [(5.8, 5.4), (6.2, 9.0), (6.1, 12.4)],
        [(1.95, -8.9), (4.0, -9.1), (6.1, -7.6), (7.3, -4.6), (7.5, -0.8), (7.5, 2.9)]
        + [(7.8, 6.4), (7.7, 10.0), (7.2, 13.5)],
        [(1.9, -10.7), (4.4, -10.9), (7.0, -9.1), (8.4, -5.8), (8.6, -1.6), (8.2, 2.4)]
        + [(8.7, 6.2), (9.2, 10.2), (8.1, 14.2)],
        [(1.75, -12.3), (4.6, -12.05), (7.6, -10.3), (9.2, -6.6), (9.4, -2.0), (9.0, 2.2)]
        + [(9.6, 6.0), (10.2, 9.8), (8.9, 13.4)],
    ],
    32,
    1,
)


def paint_front() -> tuple[Array, Array]:
    """Colour and coverage of the hair before the face and over the shoulders."""
    canvas = _Canvas(HAIR_FRONT)
    for curtain in (LEFT, RIGHT):
        _mass(canvas, curtain)
        _locks(canvas, curtain)
    image, alpha = canvas.done()
    parting = spline([(1.95, -7.75), (1.9, -9.3), (1.78, -11.4)])
    faint = HAIR_FRONT.line(parting, np.linspace(0.1, 0.02, 200), 0.02)
    return lay(image, (196, 138, 108), 0.6 * faint), alpha


def paint_back() -> tuple[Array, Array]:
    """Colour and coverage of the hair behind neck and head, in the head's shade."""
    canvas = _Canvas(HAIR_BACK)
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
    t = np.linspace(0, 1, _STEPS)
    for _ in range(1100):
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
    across, down = HAIR_BACK.grid()
    return image, alpha * ((across / 4.2) ** 2 + ((down + 2.5) / 6.5) ** 2 > 1)


def _guide(curtain: Curtain, s: float) -> Array:
    """The curve at share s (0 at the face, 1 outside) of a curtain."""
    curves = [spline(points, _STEPS) for points in curtain.guides]
    place = np.clip(s, 0, 1) * (len(curves) - 1)
    n = min(int(place), len(curves) - 2)
    return np.asarray(curves[n] + (place - n) * (curves[n + 1] - curves[n]), np.float32)


def _mass(canvas: _Canvas, curtain: Curtain) -> None:
    inner, outer = _guide(curtain, 0.05), _guide(curtain, 0.96)
    end = int(_STEPS * 0.74)
    canvas.mass(np.concatenate([inner[:end], outer[:end][::-1]]), 0.2)


def _locks(canvas: _Canvas, curtain: Curtain) -> None:
    rng = np.random.default_rng(curtain.seed)
    t = np.linspace(0, 1, _STEPS, dtype=np.float32)
    table = np.stack([_guide(curtain, float(s)) for s in np.linspace(0, 1, 97)])
    count = 30
    centres = np.linspace(0.02, 0.98, count) + rng.normal(0, 0.008, count)
    # Back to front: from outside to the face, a little shuffled, some locks on top of the rest.
    order = list(np.argsort(-centres + rng.normal(0, 0.14, count)))
    extra = [(float(rng.uniform(-0.01, 0.97)), float(rng.uniform(0.008, 0.02))) for _ in range(22)]
    locks = [(float(centres[n]), 0.034) for n in order] + extra
    for centre, width in locks:
        # Neighbouring locks wave alike, so that the whole reads as waves and not as noise.
        phase = 3.0 * centre + curtain.side + rng.normal(0, 0.38)
        swing = rng.uniform(0.42, 0.68) * (0.4 + 0.6 * float(smoothstep(0.05, 0.25, centre)))
        shine = 0.03 * np.sin(centre * 9 + curtain.seed) + rng.normal(0, 0.025)
        length = rng.uniform(0.9, 1.0)
        depth = rng.normal(0, 0.06)
        for _ in range(int(2500 * width) + 16):
            across = rng.uniform(-1, 1)
            spread = 1.1 - 0.8 * t**3
            shares = centre + across * width * spread + rng.normal(0, 0.003)
            path = _along(table, shares)
            turn = t * 15.5 + phase
            wave = smoothstep(0.36, 0.72, t) * swing
            path[:, 0] += wave * np.sin(turn + 0.25 * across)
            path[:, 1] += 0.3 * wave * np.cos(turn)
            end = max(
                8, int(_STEPS * length * (1 - 0.24 * rng.random() ** 1.4) * (1 - 0.06 * across**2))
            )
            tube = np.sqrt(max(1 - across**2, 0))
            tone = 0.2 + 0.22 * tube + depth + rng.normal(0, 0.05)
            # Where a wave turns to the lamp it shines.
            facing = 0.2 * smoothstep(0.36, 0.72, t) * np.sin(turn + 0.9)
            light = _light(path, curtain.side, t, shine) + facing
            tones = np.clip(tone + light * (0.35 + 0.65 * tube), 0.03, 1)
            canvas.strand(path[:end], tones[:end], rng.uniform(0.02, 0.036))
    _stray(canvas, table, rng)


def _stray(canvas: _Canvas, table: Array, rng: np.random.Generator) -> None:
    """Single hairs that keep to no lock."""
    t = np.linspace(0, 1, _STEPS, dtype=np.float32)
    for _ in range(70):
        share = rng.choice(
            [rng.uniform(0.03, 0.1), rng.uniform(0.3, 1.0), rng.uniform(0.98, 1.015)]
        )
        path = _along(table, np.full(_STEPS, share))
        path[:, 0] += (
            smoothstep(0.3, 0.8, t) * rng.normal(0, 0.4) * np.sin(t * 12 + rng.uniform(0, 6))
        )
        first, last = int(_STEPS * rng.uniform(0.05, 0.3)), int(_STEPS * rng.uniform(0.6, 1))
        canvas.strand(path[first:last], np.full(last - first, rng.uniform(0.3, 0.62)), 0.018)


def _along(table: Array, shares: Array) -> Array:
    """A path (steps, 2) that may change its share of the curtain from step to step."""
    last = len(table) - 1
    place = np.clip(shares, 0, 1) * (last - 0.001)
    n = place.astype(int)
    steps = np.arange(_STEPS)
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


class _Canvas:
    """Bytes to draw strands on, with their coverage."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.image: NDArray[np.uint8] = np.zeros((*sheet.shape, 3), np.uint8)
        self.alpha: NDArray[np.uint8] = np.zeros(sheet.shape, np.uint8)
        places = [place for place, _ in _TONES]
        axis = np.linspace(0, 1, 256)
        self.table = np.stack(
            [np.interp(axis, places, [c[k] for _, c in _TONES]) for k in range(3)], 1
        )

    def mass(self, outline: Array, tone: float) -> None:
        fixed = np.round(self.sheet.pixels(outline) * 16).astype(np.int32)
        colour = [float(c) for c in self.table[int(tone * 255)]]
        cv2.fillPoly(self.image, [fixed], colour, cv2.LINE_AA, 4)
        cv2.fillPoly(self.alpha, [fixed], (255,), cv2.LINE_AA, 4)

    def strand(self, path: Array, tones: Array, width: float) -> None:
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
        return self.image.astype(np.float32) / 255, self.alpha.astype(np.float32) / 255
