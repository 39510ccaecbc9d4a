"""Nose, lips, lids and brows, painted on the lit skin."""

from __future__ import annotations

import cv2
import numpy as np

from jamflow_rt.render.topology import LOWER_LIP, UPPER_LIP, Eye
from jamflow_rt.train.illustration.look import Look, Shape, Skin
from jamflow_rt.train.illustration.paint import (
    Array,
    Placed,
    Sheet,
    glaze,
    glow,
    hair_outline,
    lay,
    smoothstep,
    spline,
)


def paint_nose(image: Array, whole: Sheet, shape: Shape, skin: Skin) -> Array:
    """Wings, nostrils and lights of the nose, as wide and as long as the shape has it."""
    sheet = Placed(whole, shape.nose, 0.3 - shape.nose_lift)
    shade = skin.of((120, 56, 46))
    for side in (-1, 0.82):
        wing = spline(
            [(side * 1.22, 0.77), (side * 1.42, 1.22), (side * 1.3, 1.72), (side * 0.96, 1.88)]
        )
        width = 0.11 * np.sin(np.linspace(0.1, np.pi - 0.1, len(wing)))
        image = lay(image, shade, (0.3 if side < 0 else 0.42) * sheet.line(wing, width * 1.6, 0.06))
        hole = spline(
            [(side * 0.3, 1.80), (side * 0.55, 1.62), (side * 0.9, 1.72), (side * 0.66, 1.88)],
            80,
            True,
        )
        image = lay(image, shade, 0.4 * sheet.fill(hole, 0.12))
        image = lay(image, skin.of((78, 30, 26)), 0.8 * sheet.fill(hole, 0.05))
    under = spline([(-1.15, 1.92), (-0.6, 2.02), (0, 2.14), (0.6, 2.02), (1.15, 1.92)])
    image = lay(
        image,
        shade,
        0.28 * sheet.line(under, 0.3 * np.sin(np.linspace(0.2, np.pi - 0.2, 200)), 0.1),
    )
    image = lay(image, skin.of((238, 178, 150)), 0.42 * sheet.spot(0, 1.35, 0.75, 0.3))
    image = lay(image, skin.of((150, 84, 66)), 0.14 * sheet.spot(0.4, 2.6, 0.9, 0.35))
    for side, strength in ((-1, 0.12), (1, 0.24)):
        flank = spline(
            [(side * 0.72, -2.6), (side * 0.52, -1.2), (side * 0.62, 0.1), (side * 0.92, 0.85)]
        )
        image = lay(image, skin.of((176, 104, 80)), strength * sheet.line(flank, 0.3, 0.16))
        ball = spline([(side * 0.5, 0.75), (side * 0.62, 1.15), (side * 0.42, 1.5)])
        image = lay(image, skin.of((178, 100, 78)), 0.9 * strength * sheet.line(ball, 0.16, 0.09))
    # Bridge and tip.
    image = glow(image, (255, 238, 220), 0.24 * skin.sheen * sheet.spot(-0.06, -1.0, 0.17, 1.0))
    return glow(image, (255, 244, 232), 0.55 * skin.sheen * sheet.spot(-0.12, 0.66, 0.2, 0.17))


def paint_lips(image: Array, texture: Array, sheet: Sheet, look: Look) -> Array:
    """Both lips: the upper in shade, the lower in the light."""
    skin, mouth, shape = look.skin, look.mouth, look.shape
    # How full they are beside the lips these strokes were made for.
    full_up = (shape.seam - shape.lip_top[0][1]) / 0.75
    full_low = (shape.lip_low[0][1] - shape.seam) / 1.05
    corner_x, corner_y = shape.lip_low[-1]
    outlines = {}
    for lips in (UPPER_LIP, LOWER_LIP):
        outlines[lips is UPPER_LIP] = (
            spline(texture[lips.outer, :2]),
            spline(texture[lips.inner, :2]),
        )
    (top, top_in), (low, low_in) = outlines[True], outlines[False]
    upper = sheet.fill(np.concatenate([top, top_in[::-1]]), 0.035)
    lower = sheet.fill(np.concatenate([low_in, low[::-1]]), 0.035)
    x, y = sheet.grid()
    texture_noise = sheet.noise(np.random.default_rng(3), 0.07)
    lines = sheet.blur(texture_noise, 0.02)
    grain = 0.5 * cv2.GaussianBlur(lines, (1, 61), 0.1, sigmaY=11 * sheet.density / 52)
    image = glow(
        image,
        (255, 228, 208),
        0.16 * skin.sheen * sheet.line(top - [0, 0.1], 0.12, 0.08) * (1 - upper),
    )
    image = lay(
        image, skin.of((150, 82, 66)), 0.42 * sheet.spot(0.08, float(low[100, 1]) + 0.32, 1.0, 0.2)
    )
    image = lay(image, mouth.upper, 0.86 * upper)
    image = lay(image, mouth.lower, 0.86 * lower)
    edge = np.interp(x[0], top_in[:, 0], top_in[:, 1])[None]
    image = glaze(image, (150, 84, 84), 0.55 * upper * smoothstep(0.42 * full_up, 0.0, edge - y))
    image = glow(
        image,
        (250, 190, 176),
        0.2 * mouth.shine * upper * smoothstep(0.3 * full_up, 0.75 * full_up, edge - y),
    )
    rim = np.interp(x[0], low_in[:, 0], low_in[:, 1])[None]
    image = glaze(image, (170, 96, 92), 0.4 * lower * smoothstep(0.18, 0.0, y - rim))
    image = glaze(
        image, (176, 100, 92), 0.5 * lower * smoothstep(0.6 * full_low, 1.05 * full_low, y - rim)
    )
    image = glaze(image, (190, 110, 104), 0.35 * (upper + lower) * smoothstep(1.2, 2.3, np.abs(x)))
    shine = sheet.spot(
        -0.3, float(low_in[100, 1]) + 0.42 * full_low, 0.62, 0.13
    ) + 0.5 * sheet.spot(0.7, float(low_in[100, 1]) + 0.4 * full_low, 0.3, 0.1)
    image = glow(image, (255, 214, 204), mouth.shine * (0.5 + 0.25 * grain) * shine * lower)
    bow_y = shape.lip_top[0][1] + 0.22 * full_up
    bow = sheet.spot(-0.42, bow_y, 0.22, 0.07, -0.25) + 0.7 * sheet.spot(
        0.42, bow_y, 0.22, 0.07, 0.25
    )
    image = glow(image, (255, 206, 194), 0.22 * mouth.shine * bow * upper)
    image = np.asarray(image * (1 + 0.05 * grain * (upper + lower))[..., None], np.float32)
    for side in (-1, 1):
        image = lay(
            image,
            skin.of((120, 56, 50)),
            0.42 * sheet.spot(side * (corner_x + 0.02), corner_y, 0.16, 0.1),
        )
    return image


def paint_lids(
    image: Array, texture: Array, sheet: Sheet, eye: Eye, side: int, skin: Skin
) -> Array:
    """Creases of the lids, their wet edges and the red corner."""
    upper, lower = spline(texture[eye.upper, :2]), spline(texture[eye.lower, :2])
    # From the inner to the outer corner is left to right on the right eye only.
    upper, lower = upper[::-1], lower[::-1]
    t = np.linspace(0, 1, len(upper), dtype=np.float32)[:, None]
    crease = upper + np.concatenate([side * 0.1 * t, -(0.14 + 0.34 * np.sin(np.pi * t**0.85))], 1)
    band = sheet.fill(np.concatenate([upper, crease[::-1]]), 0.05)
    image = glow(image, (255, 222, 200), 0.14 * skin.sheen * band)
    fan = upper + np.concatenate([side * 0.35 * t, -(0.1 + 0.5 * t)], 1)
    image = glaze(
        image, (205, 142, 122), 0.32 * sheet.fill(np.concatenate([upper, fan[::-1]]), 0.16)
    )
    width = 0.1 * np.sin(np.linspace(0.12, np.pi - 0.25, len(crease)))
    image = lay(image, skin.of((128, 68, 56)), 0.5 * sheet.line(crease, width, 0.025))
    image = lay(
        image, skin.of((150, 84, 68)), 0.4 * sheet.line(crease - [0, 0.08], width * 2.2, 0.1)
    )
    under = lower + np.array([0, 0.34])
    image = lay(
        image,
        skin.of((170, 100, 84)),
        0.25 * sheet.line(under, 0.16 * np.sin(np.linspace(0.2, np.pi - 0.4, 200)), 0.09),
    )
    # The wet edge and the small red corner.
    image = lay(image, skin.of((232, 168, 152)), 0.8 * sheet.line(lower + [0, 0.02], 0.1, 0.02))
    image = lay(
        image,
        skin.of((214, 120, 108)),
        0.7 * sheet.spot(float(lower[0, 0]) + side * 0.1, float(lower[0, 1]), 0.1, 0.08),
    )
    thin = 0.05 * np.clip(np.linspace(-0.1, 1.3, 200), 0, 1)
    image = lay(image, skin.of((78, 44, 38)), 0.7 * sheet.line(lower + [0, 0.08], thin, 0.02))
    return image


def paint_brow(image: Array, texture: Array, sheet: Sheet, side: int, look: Look) -> Array:
    """A brow, hair by hair."""
    brows = look.brows
    ids = (
        ([107, 66, 105, 63, 70], [55, 65, 52, 53, 46])
        if side < 0
        else (
            [336, 296, 334, 293, 300],
            [285, 295, 282, 283, 276],
        )
    )
    tail = np.array([side * look.shape.brow_tail[0], look.shape.brow_tail[1]])
    top = spline(np.concatenate([texture[ids[0], :2], tail[None]]))
    low = spline(np.concatenate([texture[ids[1], :2], tail[None]]))
    body = sheet.fill(np.concatenate([top, low[::-1]]), 0.1)
    x, _ = sheet.grid()
    fade = smoothstep(1.1, 2.6, np.abs(x))
    image = lay(image, brows.ground, brows.cover * (0.24 + 0.36 * fade) * body)
    rng = np.random.default_rng(11)
    strokes = np.zeros(sheet.shape, np.uint8)
    for _ in range(brows.hairs):
        s, h = rng.uniform(0, 0.97), rng.uniform(-0.05, 1.0)
        n = int(s * 199)
        base = low[n] + (top[n] - low[n]) * h
        along = low[min(n + 6, 199)] - low[max(n - 6, 0)]
        along = along / np.linalg.norm(along)
        up = np.array([along[1], -along[0]]) * (1 if side > 0 else -1)
        lean = (1.15 - 1.5 * s) * (1.05 - h)
        direction = along + up * max(lean, -0.35)
        direction /= np.linalg.norm(direction)
        length = rng.uniform(0.26, 0.5) * (1 - 0.35 * s)
        bend = along * 0.12 * length
        steps = np.linspace(0, 1, 10)[:, None]
        path = base + direction * length * steps + bend * steps**2
        outline = np.round(sheet.pixels(hair_outline(path, 0.045)) * 16).astype(np.int32)
        cv2.fillPoly(strokes, [outline], (float(rng.uniform(70, 210)),), cv2.LINE_AA, 4)
    return lay(
        image,
        brows.hair,
        strokes.astype(np.float32) / 255 * (0.35 + 0.65 * smoothstep(1.0, 1.9, np.abs(x))),
    )
