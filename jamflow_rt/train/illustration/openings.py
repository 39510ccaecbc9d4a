"""Where the skin is cut for eyes and mouth, what hangs into the openings, and the lashes."""

from __future__ import annotations

import cv2
import numpy as np

from jamflow_rt.render.topology import EYES, LOWER_LIP, OVAL, UPPER_LIP
from jamflow_rt.train.illustration.design import Design
from jamflow_rt.train.illustration.look import Eyes, Look
from jamflow_rt.train.illustration.paint import (
    Array,
    Sheet,
    hair_outline,
    lay,
    smoothstep,
    spline,
)


def cut_openings(image: Array, texture: Array, sheet: Sheet, look: Look) -> tuple[Array, Array]:
    """Cut the eyes and the mouth, and paint what hangs into them: shade, and the lashes' roots."""
    outline = spline(texture[OVAL, :2], 400, True)
    centre = np.array([0, 0.6])
    alpha = sheet.fill(centre + (outline - centre) * 1.008, 0.012)
    x, y = sheet.grid()
    # The skin goes on under the hair, down to where ears begin if they show.
    temple = ((7.1, -6.0), (6.3, -3.6)) if look.ears is not None else ((7.6, -6.0), (7.1, -1.0))
    half = [(0.0, -11.4), (6.2, -9.8), *temple]
    crown = sheet.fill(spline([*((-x, y) for x, y in half[:0:-1]), *half]))
    alpha = np.maximum(alpha, crown)
    top, low = spline(texture[UPPER_LIP.inner, :2]), spline(texture[LOWER_LIP.inner, :2])
    mouth = sheet.fill(np.concatenate([top, low[::-1]]), 0.012)
    edge = np.interp(x[0], top[:, 0], top[:, 1])[None]
    image = lay(image, look.mouth.inside, mouth)
    # The mesh that carries the shade narrows towards the corners; so does the shade.
    reach = np.clip(1 - np.abs(x / (0.916 * look.shape.lip_low[-1][0])) ** 2, 0.02, 1)
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
        places = np.linspace(0, 1, 200)
        width = look.eyes.liner * np.interp(places, [0, 0.3, 0.75, 1], [0.04, 0.08, 0.12, 0.08])
        lash = sheet.line(line + [0, -0.02], width.astype(np.float32), 0.012)
        end, before = line[-1], line[-16]
        wing = spline([before, end, end + [side * 0.2, -0.14]])
        if look.eyes.lashes > 0.8:
            lash = np.maximum(lash, sheet.line(wing, np.linspace(0.12, 0.02, 200), 0.012))
        image = lay(image, look.eyes.lash, lash)
        alpha = np.maximum(alpha, lash)
    return image, alpha


def paint_lashes(design: Design, sheet: Sheet, side: int, eyes: Eyes) -> tuple[Array, Array]:
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
        length *= eyes.lashes
        steps = np.linspace(0, 1, 12)[:, None]
        path = base + np.array([lean, -0.4]) * length * steps + [0, -0.5 * length] * steps**2
        outline = np.round(sheet.pixels(hair_outline(path, 0.042)) * 16).astype(np.int32)
        cv2.fillPoly(ink, [outline], (float(rng.uniform(110, 200)),), cv2.LINE_AA, 4)
    return sheet.blank(eyes.lash), ink.astype(np.float32) / 255
