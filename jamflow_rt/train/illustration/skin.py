"""The face: skin lit as the solid it is, then painted over with lips, lids, brows and blush."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from jamflow_rt.render.topology import EYES, LOWER_LIP, OVAL, UPPER_LIP, Eye
from jamflow_rt.train.illustration.design import Design
from jamflow_rt.train.illustration.hair import LEFT, RIGHT
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

SKIN: tuple[tuple[float, Colour], ...] = (
    (-0.15, (104, 52, 44)),
    (0.12, (158, 88, 70)),
    (0.36, (205, 136, 108)),
    (0.6, (231, 172, 142)),
    (0.82, (246, 199, 170)),
    (1.0, (255, 222, 198)),
)
LIGHT = np.array([-0.38, -0.46, -0.8], np.float32)
LIGHT /= np.linalg.norm(LIGHT)
_LASH: Colour = (38, 22, 20)


def paint_face(design: Design, sheet: Sheet) -> tuple[Array, Array]:
    """Colour (H, W, 3) and coverage (H, W) of the skin layer, holes at eyes and mouth."""
    texture = design.texture
    height = _height(texture, sheet)
    image = _lit(height, sheet)
    image = _tint(image, texture, sheet)
    image = _nose(image, sheet)
    for curtain in (LEFT, RIGHT):
        edge = spline(curtain.guides[0])
        near = sheet.line(edge + [0.1, 0.15], 1.1, 0.3)
        image = glaze(image, (190, 118, 98), 0.6 * near)
    image = _lips(image, texture, sheet, height)
    for eye, side in ((EYES[0], -1), (EYES[1], 1)):
        image = _lids(image, texture, sheet, eye, side)
        image = _brow(image, texture, sheet, side)
    image, alpha = _openings(image, texture, sheet)
    return image, alpha


def _height(texture: Array, sheet: Sheet) -> Array:
    """Depth z (H, W) of the skin, the lips and lids modelled finer than the mesh does."""
    # The outline of the canonical face is jagged in depth; the skin is not.
    depth = texture[OVAL, 2]
    depth = sum(np.roll(depth, n) * w for n, w in ((-2, 1), (-1, 2), (0, 3), (1, 2), (2, 1))) / 9
    ring = np.column_stack([texture[OVAL, :2], depth]).astype(np.float32)
    away = ring[:, :2] - [0, 0.6]
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    far, farther = ring.copy(), ring.copy()
    far[:, :2] += away * 0.9
    far[:, 2] += 1.1
    farther[:, :2] += away * 3.0
    farther[:, 2] += 4.6
    inside = np.delete(texture[:468], OVAL, axis=0)
    points = np.concatenate([inside, ring, far, farther])
    points[:, :2] += np.random.default_rng(1).normal(0, 1e-4, (len(points), 2))
    field = RBFInterpolator(points[:, :2], points[:, 2], kernel="thin_plate_spline", smoothing=0.12)
    coarse = Sheet(sheet.left, sheet.top, sheet.right, sheet.bottom, 10)
    x, y = coarse.grid()
    places = np.stack(np.broadcast_arrays(x, y), -1).reshape(-1, 2)
    small = field(places).reshape(coarse.shape).astype(np.float32)
    z = cv2.resize(small, sheet.shape[::-1], interpolation=cv2.INTER_CUBIC)
    x, y = sheet.grid()
    # Towards the outline the mesh is coarse: only its large forms are kept there.
    out = smoothstep(0.62, 0.86, np.sqrt((x / 6.9) ** 2 + ((y - 0.3) / 9.2) ** 2))
    z = sheet.blur(z, 0.18) * (1 - out) + sheet.blur(z, 0.8) * out
    # Philtrum, chin, and the soft pads beside the mouth.
    z += 0.07 * sheet.spot(0, 3.38, 0.16, 0.4) - 0.05 * (
        sheet.spot(-0.4, 3.46, 0.16, 0.4) + sheet.spot(0.4, 3.46, 0.16, 0.4)
    )
    z -= 0.1 * sheet.spot(0, 7.85, 0.9, 0.6)
    for side in (-1, 1):
        z -= 0.1 * sheet.spot(side * 3.2, -3.3, 1.2, 0.32)
        z += 0.08 * sheet.spot(side * 3.2, -3.75, 1.3, 0.14, turn=side * -0.05)
    return np.asarray(z, np.float32)


def _lit(z: Array, sheet: Sheet) -> Array:
    dy, dx = np.gradient(z, 1 / sheet.density)
    length = np.sqrt(dx**2 + dy**2 + 1)
    facing = (dx * LIGHT[0] + dy * LIGHT[1] - LIGHT[2]) / length
    hollow = np.zeros_like(z)
    for radius, strength in ((0.35, 0.34), (0.9, 0.16), (2.0, 0.03)):
        hollow += strength * np.clip(z - sheet.blur(z, radius), -0.25, 0.5)
    tone = 0.22 + 0.65 * np.clip(facing, -0.2, 1) - 1.1 * np.clip(hollow, -0.08, 0.3)
    # Light wanders under skin: shadows are soft, and the reds reach further into them.
    tone = 0.55 * tone + 0.45 * sheet.blur(tone, 0.25)
    image = ramp(tone, SKIN)
    red = sheet.blur(tone, 0.5)
    image[..., 0] = 0.75 * image[..., 0] + 0.25 * ramp(red, SKIN)[..., 0]
    # A cool light from behind on the right, and a soft sheen.
    rim = np.clip(dx / length - 0.35, 0, 1) * np.clip(1 - facing, 0, 1)
    image = glow(image, (190, 170, 160), 0.22 * sheet.blur(rim.astype(np.float32), 0.15))
    half = LIGHT + np.array([0, 0, -1], np.float32)
    half /= np.linalg.norm(half)
    gloss = np.clip((dx * half[0] + dy * half[1] - half[2]) / length, 0, 1) ** 26
    return glow(image, (255, 236, 214), 0.16 * sheet.blur(gloss.astype(np.float32), 0.12))


def _tint(image: Array, texture: Array, sheet: Sheet) -> Array:
    for side in (-1, 1):
        image = glaze(
            image, (255, 168, 150), 0.28 * sheet.spot(side * 4.1, 0.9, 1.5, 1.0, side * -0.35)
        )
        image = glaze(image, (255, 190, 172), 0.3 * sheet.spot(side * 3.1, -3.7, 1.5, 0.5))
        image = glow(
            image,
            (255, 232, 208),
            (0.26 if side < 0 else 0.16) * sheet.spot(side * 3.9, -0.35, 1.0, 0.34, side * -0.3),
        )
    image = glaze(image, (255, 178, 160), 0.35 * sheet.spot(0, 1.2, 0.75, 0.6))
    image = glaze(image, (255, 196, 180), 0.25 * sheet.spot(0, 8.0, 1.0, 0.5))
    image = glow(image, (255, 236, 214), 0.2 * sheet.spot(-0.7, -6.0, 2.0, 0.9))
    image = glow(image, (255, 236, 216), 0.2 * sheet.spot(-0.2, 7.55, 0.5, 0.28))
    # The beginning of a smile.
    for side, strength in ((-1, 0.13), (1, 0.19)):
        fold = spline([(side * 1.6, 1.5), (side * 2.35, 2.5), (side * 2.95, 3.7)])
        width = 0.34 * np.sin(np.linspace(0.1, np.pi - 0.1, len(fold))).astype(np.float32)
        image = lay(image, (178, 102, 80), strength * sheet.line(fold, width, 0.13))
        image = glow(image, (255, 226, 204), 0.5 * strength * sheet.spot(side * 3.2, 2.0, 0.7, 0.5))
    # Freckles one hardly sees.
    rng = np.random.default_rng(7)
    dots = np.zeros(sheet.shape, np.float32)
    for _ in range(90):
        x, y = rng.normal(0, 2.6), rng.normal(0.2, 0.7)
        if 0.9 < abs(x) < 5.2:
            at = sheet.pixels(np.array([[x, y]]))[0]
            cv2.circle(
                dots,
                (int(at[0]), int(at[1])),
                int(rng.integers(1, 3)),
                (float(rng.uniform(0.1, 0.35)),),
                -1,
                cv2.LINE_AA,
            )
    return glaze(image, (196, 130, 100), sheet.blur(dots, 0.02))


def _nose(image: Array, sheet: Sheet) -> Array:
    shade: Colour = (120, 56, 46)
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
        image = lay(image, (78, 30, 26), 0.8 * sheet.fill(hole, 0.05))
    under = spline([(-1.15, 1.92), (-0.6, 2.02), (0, 2.14), (0.6, 2.02), (1.15, 1.92)])
    image = lay(
        image,
        shade,
        0.28 * sheet.line(under, 0.3 * np.sin(np.linspace(0.2, np.pi - 0.2, 200)), 0.1),
    )
    image = lay(image, (238, 178, 150), 0.42 * sheet.spot(0, 1.35, 0.75, 0.3))
    image = lay(image, (150, 84, 66), 0.14 * sheet.spot(0.4, 2.6, 0.9, 0.35))
    for side, strength in ((-1, 0.12), (1, 0.24)):
        flank = spline(
            [(side * 0.72, -2.6), (side * 0.52, -1.2), (side * 0.62, 0.1), (side * 0.92, 0.85)]
        )
        image = lay(image, (176, 104, 80), strength * sheet.line(flank, 0.3, 0.16))
        ball = spline([(side * 0.5, 0.75), (side * 0.62, 1.15), (side * 0.42, 1.5)])
        image = lay(image, (178, 100, 78), 0.9 * strength * sheet.line(ball, 0.16, 0.09))
    # Bridge and tip.
    image = glow(image, (255, 238, 220), 0.24 * sheet.spot(-0.06, -1.0, 0.17, 1.0))
    return glow(image, (255, 244, 232), 0.55 * sheet.spot(-0.12, 0.66, 0.2, 0.17))


def _lips(image: Array, texture: Array, sheet: Sheet, z: Array) -> Array:
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
    grain = 0.5 * cv2.GaussianBlur(lines, (1, 61), 0.1, sigmaY=11)
    image = glow(
        image, (255, 228, 208), 0.16 * sheet.line(top - [0, 0.1], 0.12, 0.08) * (1 - upper)
    )
    image = lay(image, (150, 82, 66), 0.42 * sheet.spot(0.08, float(low[100, 1]) + 0.32, 1.0, 0.2))
    # Upper lip: in shade; lower: catches the light.
    image = lay(image, (190, 84, 84), 0.86 * upper)
    image = lay(image, (212, 102, 102), 0.86 * lower)
    edge = np.interp(x[0], top_in[:, 0], top_in[:, 1])[None]
    image = glaze(image, (150, 84, 84), 0.55 * upper * smoothstep(0.42, 0.0, edge - y))
    image = glow(image, (250, 190, 176), 0.2 * upper * smoothstep(0.3, 0.75, edge - y))
    rim = np.interp(x[0], low_in[:, 0], low_in[:, 1])[None]
    image = glaze(image, (170, 96, 92), 0.4 * lower * smoothstep(0.18, 0.0, y - rim))
    image = glaze(image, (176, 100, 92), 0.5 * lower * smoothstep(0.6, 1.05, y - rim))
    image = glaze(image, (190, 110, 104), 0.35 * (upper + lower) * smoothstep(1.2, 2.3, np.abs(x)))
    shine = sheet.spot(-0.3, float(low_in[100, 1]) + 0.42, 0.62, 0.13) + 0.5 * sheet.spot(
        0.7, float(low_in[100, 1]) + 0.4, 0.3, 0.1
    )
    image = glow(image, (255, 214, 204), (0.5 + 0.25 * grain) * shine * lower)
    bow = sheet.spot(-0.42, 4.28, 0.22, 0.07, -0.25) + 0.7 * sheet.spot(
        0.42, 4.28, 0.22, 0.07, 0.25
    )
    image = glow(image, (255, 206, 194), 0.22 * bow * upper)
    image = np.asarray(image * (1 + 0.05 * grain * (upper + lower))[..., None], np.float32)
    for side in (-1, 1):
        image = lay(image, (120, 56, 50), 0.42 * sheet.spot(side * 2.53, 4.39, 0.16, 0.1))
    return image


def _lids(image: Array, texture: Array, sheet: Sheet, eye: Eye, side: int) -> Array:
    upper, lower = spline(texture[eye.upper, :2]), spline(texture[eye.lower, :2])
    # From the inner to the outer corner is left to right on the right eye only.
    upper, lower = upper[::-1], lower[::-1]
    t = np.linspace(0, 1, len(upper), dtype=np.float32)[:, None]
    crease = upper + np.concatenate([side * 0.1 * t, -(0.14 + 0.34 * np.sin(np.pi * t**0.85))], 1)
    band = sheet.fill(np.concatenate([upper, crease[::-1]]), 0.05)
    image = glow(image, (255, 222, 200), 0.14 * band)
    fan = upper + np.concatenate([side * 0.35 * t, -(0.1 + 0.5 * t)], 1)
    image = glaze(
        image, (205, 142, 122), 0.32 * sheet.fill(np.concatenate([upper, fan[::-1]]), 0.16)
    )
    width = 0.1 * np.sin(np.linspace(0.12, np.pi - 0.25, len(crease)))
    image = lay(image, (128, 68, 56), 0.5 * sheet.line(crease, width, 0.025))
    image = lay(image, (150, 84, 68), 0.4 * sheet.line(crease - [0, 0.08], width * 2.2, 0.1))
    under = lower + np.array([0, 0.34])
    image = lay(
        image,
        (170, 100, 84),
        0.25 * sheet.line(under, 0.16 * np.sin(np.linspace(0.2, np.pi - 0.4, 200)), 0.09),
    )
    # The wet edge and the small red corner.
    image = lay(image, (232, 168, 152), 0.8 * sheet.line(lower + [0, 0.02], 0.1, 0.02))
    image = lay(
        image,
        (214, 120, 108),
        0.7 * sheet.spot(float(lower[0, 0]) + side * 0.1, float(lower[0, 1]), 0.1, 0.08),
    )
    thin = 0.05 * np.clip(np.linspace(-0.1, 1.3, 200), 0, 1)
    image = lay(image, (78, 44, 38), 0.7 * sheet.line(lower + [0, 0.08], thin, 0.02))
    return image


def _brow(image: Array, texture: Array, sheet: Sheet, side: int) -> Array:
    ids = (
        ([107, 66, 105, 63, 70], [55, 65, 52, 53, 46])
        if side < 0
        else (
            [336, 296, 334, 293, 300],
            [285, 295, 282, 283, 276],
        )
    )
    top, low = spline(texture[ids[0], :2]), spline(texture[ids[1], :2])
    tail = np.array([side * 5.5, -3.72])
    top = spline(np.concatenate([texture[ids[0], :2], tail[None]]))
    low = spline(np.concatenate([texture[ids[1], :2], tail[None]]))
    body = sheet.fill(np.concatenate([top, low[::-1]]), 0.1)
    x, _ = sheet.grid()
    fade = smoothstep(1.1, 2.6, np.abs(x))
    image = lay(image, (104, 64, 46), (0.24 + 0.36 * fade) * body)
    rng = np.random.default_rng(11)
    strokes = np.zeros(sheet.shape, np.uint8)
    for _ in range(420):
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
        outline = np.round(sheet.pixels(_hair(path, 0.045)) * 16).astype(np.int32)
        cv2.fillPoly(strokes, [outline], (float(rng.uniform(70, 210)),), cv2.LINE_AA, 4)
    return lay(
        image,
        (78, 46, 34),
        strokes.astype(np.float32) / 255 * (0.35 + 0.65 * smoothstep(1.0, 1.9, np.abs(x))),
    )


def _hair(path: Array, width: float) -> Array:
    """The outline of a tapering hair."""
    widths = width * np.linspace(1, 0.25, len(path)) / 2
    tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) * widths[:, None]
    return np.asarray(np.concatenate([path + normal, (path - normal)[::-1]]), np.float32)


def _openings(image: Array, texture: Array, sheet: Sheet) -> tuple[Array, Array]:
    """Cut the eyes and the mouth, and paint what hangs into them: shade, and the lashes' roots."""
    outline = spline(texture[OVAL, :2], 400, True)
    centre = np.array([0, 0.6])
    alpha = sheet.fill(centre + (outline - centre) * 1.008, 0.012)
    x, y = sheet.grid()
    crown = sheet.fill(
        spline(
            [(-7.1, -1), (-7.6, -6), (-6.2, -9.8), (0, -11.4), (6.2, -9.8), (7.6, -6), (7.1, -1)]
        )
    )
    alpha = np.maximum(alpha, crown)
    top, low = spline(texture[UPPER_LIP.inner, :2]), spline(texture[LOWER_LIP.inner, :2])
    mouth = sheet.fill(np.concatenate([top, low[::-1]]), 0.012)
    edge = np.interp(x[0], top[:, 0], top[:, 1])[None]
    image = lay(image, (176, 78, 76), mouth)
    # The mesh that carries the shade narrows towards the corners; so does the shade.
    reach = np.clip(1 - np.abs(x / 2.3) ** 2, 0.02, 1)
    shade = 0.75 * reach * smoothstep(1.0, 0.0, (y - edge - 0.02) / (0.27 * reach)) ** 1.3
    rim = np.interp(x[0], low[:, 0], low[:, 1])[None]
    dark = smoothstep(0.0, 0.1, y - edge) * smoothstep(0.45, 0.36, y - edge)
    # The skin ends a little inside the opening: lips that meet overlap and are shut for good,
    # most of all in the corners.
    inset = np.zeros_like(top)
    inset[:, 1] = 0.05 + 0.1 * smoothstep(0.45, 0.2, low[:, 1] - top[:, 1])
    middle = (top + low) / 2
    top, low = np.minimum(top + inset, middle), np.maximum(low - inset, middle)
    wide = low[:, 1] - top[:, 1] > 0.03  # a polygon without area would still leave a line
    mouth = sheet.fill(np.concatenate([top[wide], low[wide][::-1]]), 0.012)
    image = lay(image, (52, 14, 16), mouth * dark * smoothstep(0.05, 0.14, rim - y))
    alpha = alpha * (1 - mouth) + mouth * shade
    for eye, side in ((EYES[0], -1), (EYES[1], 1)):
        upper, lower = spline(texture[eye.upper, :2]), spline(texture[eye.lower, :2])
        hole = sheet.fill(np.concatenate([upper, lower[::-1]]), 0.012)
        order = np.argsort(upper[:, 0])
        rim = np.interp(x[0], upper[order, 0], upper[order, 1])[None]
        image = lay(image, (40, 20, 22), hole)
        across = (x - upper[:, 0].min()) / np.ptp(upper[:, 0])
        reach = np.clip(1 - np.abs(2 * across - 1) ** 2, 0.02, 1)
        shade = 0.5 * reach * smoothstep(1.0, 0.0, (y - rim) / (0.36 * reach))
        alpha = alpha * (1 - hole) + hole * shade
        line = upper[::-1]
        width = np.interp(np.linspace(0, 1, 200), [0, 0.3, 0.75, 1], [0.04, 0.08, 0.12, 0.08])
        lash = sheet.line(line + [0, -0.02], width.astype(np.float32), 0.012)
        end, before = line[-1], line[-16]
        wing = spline([before, end, end + [side * 0.2, -0.14]])
        lash = np.maximum(lash, sheet.line(wing, np.linspace(0.12, 0.02, 200), 0.012))
        image = lay(image, _LASH, lash)
        alpha = np.maximum(alpha, lash)
    return image, alpha


def paint_lashes(design: Design, sheet: Sheet, side: int) -> tuple[Array, Array]:
    """Colour and coverage of the upper lashes of one eye, open and upright."""
    eye = EYES[0] if side < 0 else EYES[1]
    upper = spline(design.texture[eye.upper, :2])[::-1]
    rng = np.random.default_rng(61 + side)
    ink = np.zeros(sheet.shape, np.uint8)
    for share in np.concatenate([np.linspace(0.14, 1.0, 32), rng.uniform(0.4, 1.0, 20)]):
        base = upper[int(share * 199)] - [0, 0.02]
        # Lashes fan out from the middle of the lid, outwards most, and curl up at the tips.
        lean = side * (-0.5 + 1.9 * share + rng.normal(0, 0.15))
        length = (0.14 + 0.36 * np.sin(np.pi * min(share, 0.86) / 1.72) ** 1.5) * rng.uniform(
            0.8, 1.1
        )
        steps = np.linspace(0, 1, 12)[:, None]
        path = base + np.array([lean, -0.4]) * length * steps + [0, -0.5 * length] * steps**2
        outline = np.round(sheet.pixels(_hair(path, 0.042)) * 16).astype(np.int32)
        cv2.fillPoly(ink, [outline], (float(rng.uniform(110, 200)),), cv2.LINE_AA, 4)
    return sheet.blank(_LASH), ink.astype(np.float32) / 255
