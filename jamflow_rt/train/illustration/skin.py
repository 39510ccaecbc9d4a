"""The face: skin lit as the solid it is, then painted over with features, beard and blush."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from jamflow_rt.render.topology import EYES, OVAL
from jamflow_rt.train.illustration.beard import paint_beard
from jamflow_rt.train.illustration.design import Design
from jamflow_rt.train.illustration.features import paint_brow, paint_lids, paint_lips, paint_nose
from jamflow_rt.train.illustration.look import Look, Skin
from jamflow_rt.train.illustration.openings import cut_openings
from jamflow_rt.train.illustration.paint import (
    Array,
    Sheet,
    glaze,
    glow,
    lay,
    ramp,
    smoothstep,
    spline,
)

LIGHT = np.array([-0.38, -0.46, -0.8], np.float32)
LIGHT /= np.linalg.norm(LIGHT)


def paint_face(design: Design, look: Look, sheet: Sheet) -> tuple[Array, Array]:
    """Colour (H, W, 3) and coverage (H, W) of the skin layer, holes at eyes and mouth."""
    texture, skin, shape = design.texture, look.skin, look.shape
    image = _lit(_height(texture, sheet, shape.ridge), sheet, skin)
    image = _tint(image, sheet, skin)
    image = paint_nose(image, sheet, shape, skin)
    for edge in look.hair.edges():
        near = sheet.line(edge + [0.1, 0.15], 1.1, 0.3)
        image = glaze(image, (190, 118, 98), (0.6 if look.hair.falls() else 0.35) * near)
    fringe = np.zeros(sheet.shape, np.float32)
    if look.beard is not None:
        image, fringe = paint_beard(image, texture, sheet, look.beard)
    image = paint_lips(image, texture, sheet, look)
    for eye, side in ((EYES[0], -1), (EYES[1], 1)):
        image = paint_lids(image, texture, sheet, eye, side, skin)
        image = paint_brow(image, texture, sheet, side, look)
    image, alpha = cut_openings(image, texture, sheet, look)
    return image, np.maximum(alpha, fringe)


def _height(texture: Array, sheet: Sheet, ridge: float) -> Array:
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
    coarse = Sheet(sheet.left, sheet.top, sheet.right, sheet.bottom, min(10, sheet.density))
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
        z -= 0.1 * ridge * sheet.spot(side * 3.2, -3.3, 1.2, 0.32)
        z += 0.08 * ridge * sheet.spot(side * 3.2, -3.75, 1.3, 0.14, turn=side * -0.05)
    return np.asarray(z, np.float32)


def _lit(z: Array, sheet: Sheet, skin: Skin) -> Array:
    dy, dx = np.gradient(z, 1 / sheet.density)
    length = np.sqrt(dx**2 + dy**2 + 1)
    facing = (dx * LIGHT[0] + dy * LIGHT[1] - LIGHT[2]) / length
    hollow = np.zeros_like(z)
    for radius, strength in ((0.35, 0.34), (0.9, 0.16), (2.0, 0.03)):
        hollow += strength * np.clip(z - sheet.blur(z, radius), -0.25, 0.5)
    tone = 0.22 + 0.65 * np.clip(facing, -0.2, 1) - 1.1 * np.clip(hollow, -0.08, 0.3)
    # Light wanders under skin: shadows are soft, and the reds reach further into them.
    tone = 0.55 * tone + 0.45 * sheet.blur(tone, 0.25)
    image = ramp(tone, skin.tones)
    red = sheet.blur(tone, 0.5)
    image[..., 0] = 0.75 * image[..., 0] + 0.25 * ramp(red, skin.tones)[..., 0]
    # A cool light from behind on the right, and a soft sheen.
    rim = np.clip(dx / length - 0.35, 0, 1) * np.clip(1 - facing, 0, 1)
    image = glow(image, skin.of((190, 170, 160)), 0.22 * sheet.blur(rim.astype(np.float32), 0.15))
    half = LIGHT + np.array([0, 0, -1], np.float32)
    half /= np.linalg.norm(half)
    gloss = np.clip((dx * half[0] + dy * half[1] - half[2]) / length, 0, 1) ** 26
    return glow(
        image, (255, 236, 214), 0.16 * skin.sheen * sheet.blur(gloss.astype(np.float32), 0.12)
    )


def _tint(image: Array, sheet: Sheet, skin: Skin) -> Array:
    for side in (-1, 1):
        image = glaze(
            image,
            (255, 168, 150),
            0.28 * skin.blush * sheet.spot(side * 4.1, 0.9, 1.5, 1.0, side * -0.35),
        )
        image = glaze(image, (255, 190, 172), 0.3 * sheet.spot(side * 3.1, -3.7, 1.5, 0.5))
        image = glow(
            image,
            (255, 232, 208),
            skin.sheen
            * (0.26 if side < 0 else 0.16)
            * sheet.spot(side * 3.9, -0.35, 1.0, 0.34, side * -0.3),
        )
    image = glaze(image, (255, 178, 160), 0.35 * skin.blush * sheet.spot(0, 1.2, 0.75, 0.6))
    image = glaze(image, (255, 196, 180), 0.25 * sheet.spot(0, 8.0, 1.0, 0.5))
    image = glow(image, (255, 236, 214), 0.2 * skin.sheen * sheet.spot(-0.7, -6.0, 2.0, 0.9))
    image = glow(image, (255, 236, 216), 0.2 * skin.sheen * sheet.spot(-0.2, 7.55, 0.5, 0.28))
    # The beginning of a smile.
    for side, strength in ((-1, 0.13), (1, 0.19)):
        fold = spline([(side * 1.6, 1.5), (side * 2.35, 2.5), (side * 2.95, 3.7)])
        width = 0.34 * np.sin(np.linspace(0.1, np.pi - 0.1, len(fold))).astype(np.float32)
        image = lay(
            image, skin.of((178, 102, 80)), skin.creases * strength * sheet.line(fold, width, 0.13)
        )
        image = glow(
            image,
            (255, 226, 204),
            0.5 * skin.sheen * strength * sheet.spot(side * 3.2, 2.0, 0.7, 0.5),
        )
    # Freckles one hardly sees.
    rng = np.random.default_rng(7)
    dots = np.zeros(sheet.shape, np.float32)
    for _ in range(skin.freckles):
        x, y = rng.normal(0, 2.6), rng.normal(0.2, 0.7)
        if 0.9 < abs(x) < 5.2:
            at = sheet.pixels(np.array([[x, y]]))[0]
            cv2.circle(
                dots,
                (int(at[0]), int(at[1])),
                max(1, round(int(rng.integers(1, 3)) * sheet.density / 52)),
                (float(rng.uniform(0.1, 0.35)),),
                -1,
                cv2.LINE_AA,
            )
    return glaze(image, (196, 130, 100), sheet.blur(dots, 0.02))
