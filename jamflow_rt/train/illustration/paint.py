"""Brushes: a sheet to paint on in canonical units, curves, soft masks, colour ramps, strokes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from jamflow_rt.render.rig import Area

Array = NDArray[np.floating[Any]]  # drawing mixes both precisions
Colour = tuple[float, float, float]
_FIXED = 4  # fractional bits of cv2's coordinates


@dataclass(frozen=True)
class Sheet(Area):
    """A rectangle of the picture, painted at `density` pixels a canonical unit."""

    density: int = 52

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return (
            round((self.bottom - self.top) * self.density),
            round((self.right - self.left) * self.density),
        )

    def grid(self) -> tuple[Array, Array]:
        """X and y of every pixel, broadcastable to `shape`."""
        height, width = self.shape
        x = self.left + (np.arange(width, dtype=np.float32)[None] + 0.5) / self.density
        y = self.top + (np.arange(height, dtype=np.float32)[:, None] + 0.5) / self.density
        return x.astype(np.float32), y.astype(np.float32)

    def pixels(self, points: Array) -> Array:
        """Points (N, 2) in canonical units as pixel positions."""
        placed = (np.asarray(points)[:, :2] - [self.left, self.top]) * self.density - 0.5
        return np.asarray(placed, np.float32)

    def fill(self, outline: Array, blur: float = 0.0) -> Array:
        """Coverage (H, W) of a closed polygon, its edge softened by `blur` units."""
        mask = np.zeros(self.shape, np.uint8)
        fixed = np.round(self.pixels(outline) * (1 << _FIXED)).astype(np.int32)
        cv2.fillPoly(mask, [fixed], (255,), cv2.LINE_AA, _FIXED)
        return self.blur(mask.astype(np.float32) / 255, blur)

    def line(self, points: Array, width: float | Array, blur: float = 0.0) -> Array:
        """Coverage (H, W) of a stroke whose width (units) may change along its points (N, 2)."""
        widths = np.broadcast_to(np.asarray(width, np.float32), (len(points),))
        tangent = np.gradient(points[:, :2], axis=0)
        tangent = tangent / np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) * widths[:, None] / 2
        outline = np.concatenate([points[:, :2] + normal, (points[:, :2] - normal)[::-1]])
        return self.fill(outline.astype(np.float32), blur)

    def spot(
        self, x: float, y: float, rx: float, ry: float | None = None, turn: float = 0
    ) -> Array:
        """A Gaussian spot (H, W), 1 in its middle; radii are standard deviations."""
        gx, gy = self.grid()
        c, s = np.cos(turn), np.sin(turn)
        u, v = (gx - x) * c + (gy - y) * s, -(gx - x) * s + (gy - y) * c
        spot = np.exp(-0.5 * ((u / rx) ** 2 + (v / (ry or rx)) ** 2))
        return np.asarray(spot, np.float32)

    def blur(self, image: Array, radius: float) -> Array:
        """Gaussian blur with a standard deviation of `radius` units."""
        if radius <= 0:
            return image
        sigma = radius * self.density
        height, width = image.shape[:2]
        # Wide blurs are done small: the result has no detail to lose.
        step = max(1, int(sigma / 4))
        small = image
        if step > 1:
            size = (max(1, width // step), max(1, height // step))
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
        soft = cv2.GaussianBlur(small, (0, 0), sigma / step, borderType=cv2.BORDER_REPLICATE)
        if step > 1:
            soft = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
            # Take the facets of the enlargement away; slopes of this become light.
            soft = cv2.GaussianBlur(soft, (0, 0), step, borderType=cv2.BORDER_REPLICATE)
        return np.asarray(soft, np.float32)

    def blank(self, colour: Colour) -> Array:
        """A sheet (H, W, 3) of one colour."""
        return np.broadcast_to(rgb(colour), (*self.shape, 3)).astype(np.float32).copy()

    def noise(self, rng: np.random.Generator, size: float) -> Array:
        """Smooth noise (H, W) with features of `size` units, mean 0, deviation 1."""
        height, width = self.shape
        step = max(1.0, size * self.density)
        small = rng.standard_normal((int(height / step) + 4, int(width / step) + 4))
        large = cv2.resize(
            small.astype(np.float32), None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC
        )
        cut = large[:height, :width]
        return np.asarray((cut - cut.mean()) / (cut.std() + 1e-6), np.float32)


@dataclass(frozen=True)
class Placed:
    """Brushes whose strokes are widened about the middle of the face and moved down."""

    sheet: Sheet
    across: float
    down: float

    def _place(self, points: Array) -> Array:
        return np.asarray(points, np.float32) * [self.across, 1] + [0, self.down]

    def fill(self, outline: Array, blur: float = 0.0) -> Array:
        """As `Sheet.fill`."""
        return self.sheet.fill(self._place(outline), blur)

    def line(self, points: Array, width: float | Array, blur: float = 0.0) -> Array:
        """As `Sheet.line`."""
        return self.sheet.line(self._place(points), width, blur)

    def spot(self, x: float, y: float, rx: float, ry: float) -> Array:
        """As `Sheet.spot`."""
        return self.sheet.spot(x * self.across, y + self.down, rx * self.across, ry)


def rgb(colour: Colour) -> Array:
    """A colour given in 0…255 as 0…1."""
    return np.asarray(colour, np.float32) / 255


def lay(image: Array, colour: Colour | Array, coverage: Array) -> Array:
    """Paint `colour` over an image (H, W, 3) where coverage (H, W) says; returns a new image."""
    paint = rgb(colour) if isinstance(colour, tuple) else colour
    return np.asarray(image + (paint - image) * np.clip(coverage, 0, 1)[..., None], np.float32)


def glaze(image: Array, colour: Colour, coverage: Array) -> Array:
    """Multiply `colour` into an image where coverage says: shadows and tints."""
    factor = 1 + (rgb(colour) - 1) * np.clip(coverage, 0, 1)[..., None]
    return np.asarray(image * factor, np.float32)


def glow(image: Array, colour: Colour, coverage: Array) -> Array:
    """Screen `colour` onto an image where coverage says: highlights."""
    light = rgb(colour) * np.clip(coverage, 0, 1)[..., None]
    return np.asarray(1 - (1 - image) * (1 - light), np.float32)


def ramp(value: Array, stops: Sequence[tuple[float, Colour]]) -> Array:
    """Colours (H, W, 3) of values (H, W) along a ramp, with smooth steps between stops."""
    places = [place for place, _ in stops]
    colours = np.stack([rgb(colour) for _, colour in stops])
    table = np.linspace(places[0], places[-1], 1024)
    channels = [np.interp(table, places, colours[:, c]) for c in range(3)]
    smooth = [
        cv2.GaussianBlur(c[None], (0, 0), 24, borderType=cv2.BORDER_REPLICATE)[0] for c in channels
    ]
    index = np.clip((value - places[0]) / (places[-1] - places[0]) * 1023, 0, 1023).astype(int)
    return np.asarray(np.stack([c[index] for c in smooth], -1), np.float32)


def spline(
    points: Sequence[Sequence[float]] | Array, count: int = 200, closed: bool = False
) -> Array:
    """A smooth curve (count, D) through points (N, D), even in chord length."""
    knots = np.asarray(points, np.float64)
    if closed:
        knots = np.concatenate([knots, knots[:1]])
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    curve = CubicSpline(lengths, knots, bc_type="periodic" if closed else "natural")
    ends = np.linspace(0, lengths[-1], count, endpoint=not closed)
    return np.asarray(curve(ends), np.float32)


def smoothstep(low: float, high: float, value: Array | float) -> Array:
    """0 below low, 1 above high, smooth between (low may be above high: then it falls)."""
    t = np.clip((np.asarray(value, np.float32) - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def hair_outline(path: Array, width: float) -> Array:
    """The outline of a tapering hair."""
    widths = width * np.linspace(1, 0.25, len(path)) / 2
    tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-6)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) * widths[:, None]
    return np.asarray(np.concatenate([path + normal, (path - normal)[::-1]]), np.float32)


def finish(image: Array, alpha: Array | None, factor: int) -> NDArray[np.uint8]:
    """Shrink a painting (H, W, 3) with its coverage by `factor` into RGBA bytes."""
    height, width = image.shape[0] // factor, image.shape[1] // factor
    cover = np.ones(image.shape[:2], np.float32) if alpha is None else np.clip(alpha, 0, 1)
    stacked = np.dstack([np.clip(image, 0, 1) * cover[..., None], cover])
    small = cv2.resize(stacked.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    colour = small[..., :3] / np.maximum(small[..., 3:], 1e-4)
    # Give clear pixels the colour of their neighbours: a lossy codec smears what lies beside.
    near = cv2.GaussianBlur(small, (0, 0), 4)
    spread = near[..., :3] / np.maximum(near[..., 3:], 1e-4)
    colour = np.where(small[..., 3:] > 0.004, colour, spread)
    bytes_ = np.round(np.dstack([np.clip(colour, 0, 1), small[..., 3:]]) * 255)
    return np.ascontiguousarray(bytes_.astype(np.uint8))
