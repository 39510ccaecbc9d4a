"""A short beard: a darker ground and hairs that follow the jaw."""

from __future__ import annotations

import cv2
import numpy as np

from jamflow_rt.render.topology import LOWER_LIP, OVAL, UPPER_LIP
from jamflow_rt.train.illustration.look import Beard
from jamflow_rt.train.illustration.paint import (
    Array,
    Sheet,
    glaze,
    hair_outline,
    lay,
    smoothstep,
    spline,
)


def paint_beard(image: Array, texture: Array, sheet: Sheet, beard: Beard) -> tuple[Array, Array]:
    """The face with the beard on it, and the coverage of hairs that stand out beyond the jaw."""
    mask = _mask(texture, sheet)
    jaw = _jaw(texture)
    rough = 1 + 0.12 * sheet.noise(np.random.default_rng(71), 0.5)
    image = lay(image, beard.colour, beard.ground * mask * rough)
    image = glaze(image, beard.colour, 0.25 * beard.ground * mask)
    ink, light = _hairs(mask, jaw, sheet, beard)
    image = lay(image, beard.colour, 0.75 * ink)
    bright = np.clip(np.array(beard.colour) * 1.55 + 28, 0, 255)
    image = lay(image, (float(bright[0]), float(bright[1]), float(bright[2])), 0.5 * light)
    # Hairs stand out a little beyond the jaw, and not where hair of the head covers it anyway.
    _, y = sheet.grid()
    return image, ink * smoothstep(2.5, 4.5, y)


def _jaw(texture: Array) -> Array:
    """The outline of the lower face, from the left ear around the chin to the right one."""
    ring = texture[OVAL, :2]
    low = ring[ring[:, 1] > -1.6]
    angle = np.arctan2(low[:, 0], low[:, 1])
    return spline(low[np.argsort(angle)], 300)


def _mask(texture: Array, sheet: Sheet) -> Array:
    """How thick the beard is (H, W)."""
    jaw = _jaw(texture)
    ear = float(np.abs(jaw[[0, -1], 0]).min())
    half = [(ear - 0.35, -1.3), (ear - 0.7, 0.4), (ear - 1.15, 2.0), (4.6, 3.4), (3.4, 3.75)]
    half += [(2.8, 3.1), (1.75, 2.72), (0.75, 2.72), (0.0, 2.9)]
    cheek = spline([*half, *((-x, y) for x, y in half[-2::-1])], 300)
    mask = sheet.fill(np.concatenate([jaw * 1.005, cheek]).astype(np.float32), 0.3)
    loop = np.concatenate([texture[UPPER_LIP.outer, :2], texture[LOWER_LIP.outer, :2][::-1]])
    lips = sheet.blur(sheet.fill(spline(np.delete(loop, 11, 0)[:-1], 200, True)), 0.16)
    mask = mask * np.clip(1 - 1.5 * lips, 0, 1)
    # Thinner on the cheeks and on both sides below the lower lip, where few hairs grow.
    x, y = sheet.grid()
    low = float(texture[LOWER_LIP.outer[5], 1])
    mask = mask * (
        1
        - 0.3 * smoothstep(3.6, 1.6, y) * smoothstep(-1.0, 0.6, y) * smoothstep(3.4, 4.2, np.abs(x))
    )
    for side in (-1, 1):
        mask = mask * (1 - 0.7 * sheet.spot(side * 1.45, low + 0.1, 0.62, 0.26, side * -0.5))
    return np.asarray(mask * (1 - 0.3 * sheet.spot(0, 3.0, 0.2, 0.5)), np.float32)


def _hairs(mask: Array, jaw: Array, sheet: Sheet, beard: Beard) -> tuple[Array, Array]:
    """Coverage of dark hairs, and of those that catch the light."""
    rng = np.random.default_rng(72)
    low, high = jaw.min(0), jaw.max(0)
    dark, light = np.zeros(sheet.shape, np.uint8), np.zeros(sheet.shape, np.uint8)
    count = int(beard.hairs * min(1.0, sheet.density / 52))
    places = np.stack([rng.uniform(low[0], high[0], count), rng.uniform(-1.2, high[1], count)], 1)
    at = np.clip(sheet.pixels(places).astype(int), 0, np.array(sheet.shape[::-1]) - 1)
    kept = places[rng.random(count) < mask[at[:, 1], at[:, 0]]]
    middle = np.array([0.0, 2.0])
    inside = sheet.fill(middle + 0.985 * (jaw - middle))  # hairs root in the skin
    at = np.clip(sheet.pixels(kept).astype(int), 0, np.array(sheet.shape[::-1]) - 1)
    kept = kept[inside[at[:, 1], at[:, 0]] > 0.5]
    for x, y in kept:
        side = np.sign(x)
        # Above the mouth hairs lie outwards, on the cheeks and the chin down.
        above = float(smoothstep(4.4, 3.4, y) * smoothstep(3.6, 2.4, abs(x)))
        aim = np.array([side * (0.75 * above - 0.16 * (1 - above)), 1.0])
        aim = aim + rng.normal(0, 0.22, 2)
        aim /= np.linalg.norm(aim)
        length = beard.length * rng.uniform(0.6, 1.2)
        steps = np.linspace(0, 1, 6)[:, None]
        path = np.array([x, y]) + aim * length * steps + [0, 0.12 * length] * steps**2
        outline = np.round(sheet.pixels(hair_outline(path, 0.03)) * 16).astype(np.int32)
        sheet_of = light if rng.random() < 0.17 else dark
        cv2.fillPoly(sheet_of, [outline], (float(rng.uniform(90, 230)),), cv2.LINE_AA, 4)
    return dark.astype(np.float32) / 255, light.astype(np.float32) / 255
