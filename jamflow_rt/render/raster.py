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
_0, _1, _2, _3, _7, _8 = (np.uint64(n) for n in (0, 1, 2, 3, 7, 8))
_16, _24, _32, _48 = (np.uint64(n) for n in (16, 24, 32, 48))
_128, _255, _256 = (np.uint64(n) for n in (128, 255, 256))
# Places are 64-bit numbers with 32 bits behind the point.
_ONE = float(1 << 32)
_ALMOST_ONE = (1 << 32) - 1
# Beyond these numbers nothing is a picture; within them no place overflows its 64 bits.
_FARTHEST = 1e5  # pixels
_LARGEST_TEXTURE = 2.0**30  # texels
_STEEPEST_TEXTURE = 4096.0  # texels for one pixel
_STEEPEST_EDGE = 1e5  # pixels for one row


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
    """Bilinear reading of a flattened texture."""
    place = (v >> _32) * columns + (u >> _32)
    right, below = (u >> _24) & _255, (v >> _24) & _255
    # Four weights that add up to 256; no lane can overflow.
    both = (right * below + _128) >> _8
    right -= both
    total = texture[place] * (_256 - right - below) + texture[place + _1] * right
    place += columns
    total += texture[place] * (below - both) + texture[place + _1] * both
    pixel: np.uint64 = ((total + _HALF) >> _8) & _LANES
    return pixel


@numba.njit(nogil=True, cache=True, inline="always")
def _lay(pixel: np.uint64, frame: NDArray[np.uint64], place: np.uint64) -> None:
    """One packed pixel over another. No lane can overflow, since colours never exceed alpha."""
    alpha = pixel >> _48
    if alpha == _255:
        frame[place] = pixel
    elif alpha != _0:
        keep = _256 - alpha - (alpha >> _7)
        frame[place] = pixel + (((frame[place] * keep + _HALF) >> _8) & _LANES)


@numba.njit(nogil=True, cache=True, inline="always")
def _limit(number: float, most: float) -> float:
    return min(max(number, -most), most)


@numba.njit(nogil=True, cache=True, inline="always", error_model="numpy")
def _edge(x0: float, y0: float, x1: float, y1: float, row: int) -> tuple[int, int]:
    """Where an edge crosses the middle of a row, rounded up to pixels by `>> 32`; its step."""
    slope = (x1 - x0) / (y1 - y0)
    start = int((x0 + slope * (row + 0.5 - y0) - 0.5) * _ONE) + _ALMOST_ONE
    return start, int(_limit(slope, _STEEPEST_EDGE) * _ONE)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def draw(
    frame: NDArray[np.uint64],
    texture: NDArray[np.uint64],
    points: NDArray[np.float32],
    uv: NDArray[np.float32],
    triangles: NDArray[np.int32],
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
    """
    height, width = frame.shape
    rows, columns = texture.shape
    pixels, texels = frame.reshape(-1), texture.reshape(-1)
    stride = np.uint64(columns)
    # The last place where a 2x2 neighbourhood still lies inside.
    last_u, last_v = ((columns - 1) << 32) - 1, ((rows - 1) << 32) - 1
    for m in range(triangles.shape[0]):
        i, j, k = triangles[m, 0], triangles[m, 1], triangles[m, 2]
        # Corners from top to bottom: two triangles that share an edge walk it alike.
        if points[i, 1] > points[j, 1]:
            i, j = j, i
        if points[j, 1] > points[k, 1]:
            j, k = k, j
        if points[i, 1] > points[j, 1]:
            i, j = j, i
        # Not `float`, which numba leaves at 32 bits.
        x0, y0 = np.float64(points[i, 0]), np.float64(points[i, 1])
        x1, y1 = np.float64(points[j, 0]), np.float64(points[j, 1])
        x2, y2 = np.float64(points[k, 0]), np.float64(points[k, 1])
        # A sum, since a minimum may overlook what is no number.
        if not abs(x0) + abs(y0) + abs(x1) + abs(y1) + abs(x2) + abs(y2) < _FARTHEST:
            continue
        low, high = min(x0, x1, x2), max(x0, x1, x2)
        # A pixel wider than it is: rounding must not take from a triangle what is its own.
        left, right = max(0, math.floor(low) - 1), min(width, math.ceil(high) + 1)
        top, bottom = max(0, math.ceil(y0 - 0.5)), min(height, math.ceil(y2 - 0.5))
        middle = max(0, math.ceil(y1 - 0.5))
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9 or top >= bottom or left >= right:
            continue

        u0, v0 = np.float64(uv[i, 0]), np.float64(uv[i, 1])
        du1, dv1 = np.float64(uv[j, 0]) - u0, np.float64(uv[j, 1]) - v0
        du2, dv2 = np.float64(uv[k, 0]) - u0, np.float64(uv[k, 1]) - v0
        ux = _limit((du1 * (y2 - y0) - du2 * (y1 - y0)) / area, _STEEPEST_TEXTURE)
        uy = _limit((du2 * (x1 - x0) - du1 * (x2 - x0)) / area, _STEEPEST_TEXTURE)
        vx = _limit((dv1 * (y2 - y0) - dv2 * (y1 - y0)) / area, _STEEPEST_TEXTURE)
        vy = _limit((dv2 * (x1 - x0) - dv1 * (x2 - x0)) / area, _STEEPEST_TEXTURE)
        dx, dy = left + 0.5 - x0, top + 0.5 - y0
        row_u = int(_limit(u0 + ux * dx + uy * dy - 0.5, _LARGEST_TEXTURE) * _ONE)
        row_v = int(_limit(v0 + vx * dx + vy * dy - 0.5, _LARGEST_TEXTURE) * _ONE)
        step_u, step_v = int(ux * _ONE), int(vx * _ONE)
        down_u, down_v = int(uy * _ONE), int(vy * _ONE)
        # Most triangles lie well within the texture; the rows of others are looked at singly.
        across, down = right - left - 1, bottom - top - 1
        least_u = row_u + min(step_u * across, 0) + min(down_u * down, 0)
        most_u = row_u + max(step_u * across, 0) + max(down_u * down, 0)
        least_v = row_v + min(step_v * across, 0) + min(down_v * down, 0)
        most_v = row_v + max(step_v * across, 0) + max(down_v * down, 0)
        within = min(least_u, least_v) >= 0 and most_u <= last_u and most_v <= last_v

        long_side, long_step = _edge(x0, y0, x2, y2, top)
        short_side, short_step = 0, 0
        if top < middle:
            short_side, short_step = _edge(x0, y0, x1, y1, top)
        for y in range(top, bottom):
            if y == middle:
                short_side, short_step = _edge(x1, y1, x2, y2, y)
            a, b = long_side >> 32, short_side >> 32
            first, end = max(left, min(a, b)), min(right, max(a, b))
            if first < end:
                u = row_u + step_u * (first - left)
                v = row_v + step_v * (first - left)
                inside = within
                if not within:
                    end_u, end_v = u + step_u * (end - first - 1), v + step_v * (end - first - 1)
                    inside = min(u, v, end_u, end_v) >= 0
                    inside = inside and max(u, end_u) <= last_u and max(v, end_v) <= last_v
                place, stop = np.uint64(y * width + first), np.uint64(y * width + end)
                if inside:
                    while place < stop:
                        _lay(_texel(texels, stride, np.uint64(u), np.uint64(v)), pixels, place)
                        place += _1
                        u += step_u
                        v += step_v
                else:
                    while place < stop:
                        near_u, near_v = min(max(u, 0), last_u), min(max(v, 0), last_v)
                        pixel = _texel(texels, stride, np.uint64(near_u), np.uint64(near_v))
                        _lay(pixel, pixels, place)
                        place += _1
                        u += step_u
                        v += step_v
            long_side += long_step
            short_side += short_step
            row_u += down_u
            row_v += down_v


@numba.njit(nogil=True, cache=True)
def unpack(frame: NDArray[np.uint64], picture: NDArray[np.uint8]) -> None:
    """Write the colours of a packed frame (S, S) into an RGB picture (S, S, 3)."""
    pixels, colours = frame.reshape(-1), picture.reshape(-1)
    place = _0
    for n in range(np.uint64(pixels.shape[0])):
        pixel = pixels[n]
        colours[place] = np.uint8(pixel & _255)
        colours[place + _1] = np.uint8((pixel >> _16) & _255)
        colours[place + _2] = np.uint8((pixel >> _32) & _255)
        place += _3


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
