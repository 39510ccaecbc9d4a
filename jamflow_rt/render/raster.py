"""The inner loops: textured triangles, compiled with numba, without the GIL.

A pixel is one 64-bit number of four 16-bit lanes (red, green, blue, alpha; alpha multiplied in),
so that one multiplication weighs all four channels at once.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

_LANES = np.uint64(0x00FF00FF00FF00FF)
_HALF = np.uint64(0x0080008000800080)
_8 = np.uint64(8)
_48 = np.uint64(48)
_256 = np.uint64(256)
_255 = np.uint64(255)
_7 = np.uint64(7)
_16 = np.uint64(16)
_32 = np.uint64(32)
_0 = np.uint64(0)


def pack(image: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Straight-alpha RGBA (H, W, 4) as packed premultiplied pixels (H, W)."""
    wide = image.astype(np.uint32)
    wide[..., :3] = (wide[..., :3] * wide[..., 3:] + 127) // 255
    lanes = wide.astype(np.uint16)
    packed: NDArray[np.uint64] = np.ascontiguousarray(lanes).view("<u8")[..., 0].astype(np.uint64)
    return packed


@numba.njit(nogil=True, cache=True, inline="always")
def _texel(
    texture: NDArray[np.uint64], columns: np.uint64, u: np.uint64, v: np.uint64
) -> np.uint64:
    """Bilinear reading of a flattened texture at u, v in 24.8 fixed point."""
    place = (v >> _8) * columns + (u >> _8)
    fu, fv = u & _255, v & _255
    gu, gv = _256 - fu, _256 - fv
    upper = texture[place] * gu + texture[place + np.uint64(1)] * fu
    place += columns
    lower = texture[place] * gu + texture[place + np.uint64(1)] * fu
    upper = ((upper + _HALF) >> _8) & _LANES
    lower = ((lower + _HALF) >> _8) & _LANES
    pixel: np.uint64 = ((upper * gv + lower * fv + _HALF) >> _8) & _LANES
    return pixel


@numba.njit(nogil=True, cache=True, inline="always")
def _over(pixel: np.uint64, below: np.uint64) -> np.uint64:
    """One packed pixel over another. No lane can overflow, since colours never exceed alpha."""
    alpha = pixel >> _48
    keep = _256 - alpha - (alpha >> _7)
    return pixel + (((below * keep + _HALF) >> _8) & _LANES)


@numba.njit(nogil=True, cache=True)
def _span(
    line: NDArray[np.uint64],
    texture: NDArray[np.uint64],
    columns: int,
    last_u: int,
    last_v: int,
    u: int,
    v: int,
    step_u: int,
    step_v: int,
    solid: bool,
) -> None:
    """Fill a row of pixels from a texture; u, v and their steps in 16.16 fixed point."""
    count = line.shape[0]
    end_u, end_v = u + step_u * (count - 1), v + step_v * (count - 1)
    inside = min(u, end_u) >= 0 and max(u, end_u) >> 8 <= last_u
    inside = inside and min(v, end_v) >= 0 and max(v, end_v) >> 8 <= last_v
    width = np.uint64(columns)
    if inside and solid:
        for x in range(count):
            line[x] = _texel(texture, width, np.uint64(u >> 8), np.uint64(v >> 8))
            u += step_u
            v += step_v
    elif inside:
        for x in range(count):
            pixel = _texel(texture, width, np.uint64(u >> 8), np.uint64(v >> 8))
            u += step_u
            v += step_v
            if pixel != _0:
                line[x] = _over(pixel, line[x])
    else:
        for x in range(count):
            a, b = min(max(u >> 8, 0), last_u), min(max(v >> 8, 0), last_v)
            pixel = _texel(texture, width, np.uint64(a), np.uint64(b))
            u += step_u
            v += step_v
            line[x] = _over(pixel, line[x])


@numba.njit(nogil=True, cache=True)
def draw(
    frame: NDArray[np.uint64],
    texture: NDArray[np.uint64],
    points: NDArray[np.float32],
    uv: NDArray[np.float32],
    triangles: NDArray[np.int32],
    opaque: NDArray[np.bool_],
) -> None:
    """Draw textured triangles over a packed frame, in order.

    Every pixel centre belongs to exactly one of two triangles that share an edge, so meshes show
    neither seams nor double cover. Coordinates count pixels; the first centre is at 0.5.

    Args:
        frame: (S, S) packed, changed in place.
        texture: (H, W) packed; read with bilinear filtering, its border repeats.
        points: (N, 2) x, y in the frame.
        uv: (N, 2) x, y in the texture.
        triangles: (M, 3) indices into points.
        opaque: (M,) triangles whose texture has no transparency.
    """
    height, width = frame.shape
    rows, columns = texture.shape
    flat = texture.reshape(-1)
    # 24.8 fixed point: the last place where a 2x2 neighbourhood still lies inside.
    last_u = (columns - 1) * 256 - 1
    last_v = (rows - 1) * 256 - 1
    for m in range(triangles.shape[0]):
        i, j, k = triangles[m, 0], triangles[m, 1], triangles[m, 2]
        # Corners from top to bottom: two triangles that share an edge walk it alike.
        if points[i, 1] > points[j, 1]:
            i, j = j, i
        if points[j, 1] > points[k, 1]:
            j, k = k, j
        if points[i, 1] > points[j, 1]:
            i, j = j, i
        x0, y0 = float(points[i, 0]), float(points[i, 1])
        x1, y1 = float(points[j, 0]), float(points[j, 1])
        x2, y2 = float(points[k, 0]), float(points[k, 1])
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        top = max(0, math.ceil(y0 - 0.5))
        bottom = min(height, math.ceil(y2 - 0.5))
        if abs(area) < 1e-9 or top >= bottom:
            continue
        if max(x0, x1, x2) < 0.0 or min(x0, x1, x2) > width:
            continue
        u0, v0 = float(uv[i, 0]), float(uv[i, 1])
        du1, dv1 = float(uv[j, 0]) - u0, float(uv[j, 1]) - v0
        du2, dv2 = float(uv[k, 0]) - u0, float(uv[k, 1]) - v0
        ux = (du1 * (y2 - y0) - du2 * (y1 - y0)) / area
        uy = (du2 * (x1 - x0) - du1 * (x2 - x0)) / area
        vx = (dv1 * (y2 - y0) - dv2 * (y1 - y0)) / area
        vy = (dv2 * (x1 - x0) - dv1 * (x2 - x0)) / area
        step_u, step_v = int(ux * 65536.0), int(vx * 65536.0)
        for y in range(top, bottom):
            centre = y + 0.5
            long_side = x0 + (x2 - x0) * ((centre - y0) / (y2 - y0))
            if centre < y1:
                short_side = x0 + (x1 - x0) * ((centre - y0) / (y1 - y0))
            else:
                short_side = x1 + (x2 - x1) * ((centre - y1) / (y2 - y1))
            first = max(0, math.ceil(min(long_side, short_side) - 0.5))
            end = min(width, math.ceil(max(long_side, short_side) - 0.5))
            if first >= end:
                continue
            dx, dy = first + 0.5 - x0, centre - y0
            u = int(math.floor((u0 + ux * dx + uy * dy - 0.5) * 65536.0))
            v = int(math.floor((v0 + vx * dx + vy * dy - 0.5) * 65536.0))
            _span(
                frame[y, first:end], flat, columns, last_u, last_v, u, v, step_u, step_v, opaque[m]
            )


@numba.njit(nogil=True, cache=True)
def unpack(frame: NDArray[np.uint64], picture: NDArray[np.uint8]) -> None:
    """Write the colours of a packed frame (S, S) into an RGB picture (S, S, 3)."""
    height, width = frame.shape
    for y in range(height):
        for x in range(width):
            pixel = frame[y, x]
            picture[y, x, 0] = np.uint8(pixel & _255)
            picture[y, x, 1] = np.uint8((pixel >> _16) & _255)
            picture[y, x, 2] = np.uint8((pixel >> _32) & _255)


@numba.njit(nogil=True, cache=True)
def move(
    rest: NDArray[np.float32],
    index: NDArray[np.int32],
    weight: NDArray[np.float32],
    follow: NDArray[np.float32],
    shift: NDArray[np.float32],
    turn: NDArray[np.float32],
    slide: NDArray[np.float32],
    origin: NDArray[np.float32],
    pixels: float,
    points: NDArray[np.float32],
) -> None:
    """Where the vertices of a layer stand in the frame.

    Args:
        rest: (N, 3) vertices at rest, canonical units.
        index: (N, K) landmarks that pull a vertex.
        weight: (N, K) how much they pull.
        follow: (N,) share of the head's movement.
        shift: (478, 3) displacement of the landmarks from rest.
        turn: (2, 3) the head's rotation and scale, without its last row.
        slide: (2,) the head's shift.
        origin: (2,) where the canonical origin lies in the frame.
        pixels: pixels of the frame in one canonical unit.
        points: (N, 2) receives the result.
    """
    for n in range(rest.shape[0]):
        x, y, z = rest[n, 0], rest[n, 1], rest[n, 2]
        for k in range(index.shape[1]):
            w = weight[n, k]
            if w != 0.0:
                landmark = index[n, k]
                x += w * shift[landmark, 0]
                y += w * shift[landmark, 1]
                z += w * shift[landmark, 2]
        moved_x = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z + slide[0]
        moved_y = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z + slide[1]
        f = follow[n]
        points[n, 0] = origin[0] + pixels * (x + f * (moved_x - x))
        points[n, 1] = origin[1] + pixels * (y + f * (moved_y - y))
