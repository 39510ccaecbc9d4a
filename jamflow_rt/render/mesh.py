"""The mesh-warp renderer: a portrait's layers, moved by a face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jamflow_rt.codec.face import N_LANDMARKS, FaceState
from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.portrait import Layer, Portrait
from jamflow_rt.render.raster import draw, move, pack, unpack
from jamflow_rt.render.transfer import MotionTransfer

# Layers are painted, not modelled: beyond these a flat layer would show itself. Smaller movements
# pass nearly unchanged (soft limits).
_TURN_LIMIT = (0.35, 0.55, 0.45)  # radians: nod, shake, tilt
_SHIFT_LIMIT = 2.5  # canonical units
_SCALE_LIMIT = 0.2  # natural logarithm

# Texels a pixel: a texture somewhat finer than the picture stays sharp when it moves by fractions
# of a pixel, and is not so fine that bilinear filtering would skip texels.
_OVERSAMPLING = 1.4
# A texture as coarse as the picture would turn sharp and blurred by turns as it moves. It is
# enlarged once, smoothly, but no further than this: there is nothing more to see in it.
_MOST_ENLARGED = 1.5
# The picture of a portrait that no layer is finer than, in pixels (see train.illustration).
_MAX_SIZE = 4096


class MeshRenderer:
    """Draws a portrait with the face of a speaker.

    Each session has its own renderer; the portrait may be shared. A renderer keeps buffers and is
    not to be used from two threads at once, while different renderers may run side by side: the
    drawing holds no GIL.

    Args:
        portrait: whom to draw.
        neutral: (478, 3) the mesh at rest of the motion that will come (`MotionSpace.neutral`).
        size: width and height of the pictures in pixels.

    Raises:
        InvalidInput: `neutral` has another shape or is no usable face, or the size is no
            number of pixels between 16 and 4096.
    """

    def __init__(self, portrait: Portrait, neutral: NDArray[np.float32], size: int = 512) -> None:
        if not 16 <= size <= _MAX_SIZE:
            raise InvalidInput(f"A picture of {size} pixels is not possible; 16 to {_MAX_SIZE} is.")
        self.portrait = portrait
        self._size = size
        self._rest = portrait.landmarks
        self._transfer = MotionTransfer(portrait.landmarks, np.asarray(neutral, np.float32))
        self._layers = [_Drawable.of(layer, portrait, size) for layer in portrait.layers]
        self._origin = (portrait.origin * size).astype(np.float32)
        self._pixels = float(portrait.unit * size)
        self._frame = np.zeros((size, size), np.uint64)
        # What nothing moves is drawn once.
        first = self._layers[0].source
        fixed = 0 if first.follow.any() or first.pull_weight.any() else 1
        self._moving = self._layers[fixed:]
        for layer in self._layers[:fixed]:
            self._place(
                layer,
                np.zeros_like(self._rest),
                np.eye(2, 3, dtype=np.float32),
                np.zeros(2, np.float32),
            )
        self._backdrop = self._frame.copy()

    @property
    def size(self) -> int:
        """Width and height of the pictures in pixels."""
        return self._size

    def warm_up(self) -> None:
        """Compile (or load from the cache) what drawing needs; the first frame is then fast."""
        zero = np.zeros(3, np.float32)
        self._draw(self._rest, FaceState(self._rest, zero, zero[:2], 1.0))

    def render(self, face: FaceState) -> NDArray[np.uint8]:
        """The picture of a face: (size, size, 3) RGB, a new array.

        Raises:
            InvalidInput: the face holds NaN or has another shape.
        """
        _check(face)
        return self._draw(self._transfer(face.landmarks), face)

    def landmarks(self, face: FaceState) -> NDArray[np.float32]:
        """Where the drawn face has its landmarks: (478, 2) x, y in pixels of the picture.

        Raises:
            InvalidInput: the face holds NaN or has another shape.
        """
        _check(face)
        turn, slide = _head(face)
        moved = self._transfer(face.landmarks) @ self.portrait.pose.T @ turn.T + slide
        return (self._origin + self._pixels * moved).astype(np.float32)

    def _draw(self, moved: NDArray[np.float32], face: FaceState) -> NDArray[np.uint8]:
        shift = np.ascontiguousarray((moved - self._rest) @ self.portrait.pose.T, np.float32)
        turn, slide = _head(face)
        np.copyto(self._frame, self._backdrop)
        for layer in self._moving:
            self._place(layer, shift, turn, slide)
        picture = np.empty((self._size, self._size, 3), np.uint8)
        unpack(self._frame, picture)
        return picture

    def _place(
        self,
        layer: _Drawable,
        shift: NDArray[np.float32],
        turn: NDArray[np.float32],
        slide: NDArray[np.float32],
    ) -> None:
        source = layer.source
        move(
            source.vertices,
            source.pull_index,
            source.pull_weight,
            source.follow,
            shift,
            turn,
            slide,
            self._origin,
            self._pixels,
            layer.points,
        )
        draw(self._frame, layer.texture, layer.points, layer.uv, layer.triangles)


@dataclass(frozen=True)
class _Drawable:
    """A layer made ready for one picture size."""

    source: Layer
    texture: NDArray[np.uint64]
    uv: NDArray[np.float32]  # texels
    triangles: NDArray[np.int32]  # only those with something to show
    points: NDArray[np.float32]

    @classmethod
    def of(cls, layer: Layer, portrait: Portrait, size: int) -> _Drawable:
        image = _resample(layer, portrait, size)
        height, width = image.shape[:2]
        uv = layer.uv * np.array([width, height], np.float32)
        shown = _shown(image[..., 3], uv, layer.triangles)
        return cls(
            source=layer,
            texture=pack(image),
            uv=np.ascontiguousarray(uv, np.float32),
            triangles=np.ascontiguousarray(layer.triangles[shown]),
            points=np.zeros((len(layer.vertices), 2), np.float32),
        )


def _resample(layer: Layer, portrait: Portrait, size: int) -> NDArray[np.uint8]:
    """A layer's picture at the resolution that a frame of `size` pixels wants."""
    height, width = layer.image.shape[:2]
    # Texels in one canonical unit, from the spread of the mesh over the picture.
    texels = float(np.ptp(layer.uv[:, 0])) * width / max(float(np.ptp(layer.vertices[:, 0])), 1e-6)
    ratio = min(_OVERSAMPLING * portrait.unit * size / texels, _MOST_ENLARGED)
    target = (max(2, round(width * ratio)), max(2, round(height * ratio)))
    if target == (width, height):
        return layer.image
    way = Image.Resampling.BOX if ratio < 1 else Image.Resampling.BICUBIC
    # Colours of transparent texels must not bleed: weigh by alpha while resizing (Pillow's RGBa).
    image = Image.fromarray(layer.image, "RGBA").convert("RGBa")
    return np.array(image.resize(target, way).convert("RGBA"))


def _shown(
    alpha: NDArray[np.uint8], uv: NDArray[np.float32], triangles: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which triangles have anything to show in the rectangle around them (with filter margin)."""
    height, width = alpha.shape
    corners = uv[triangles]
    low = np.floor(corners.min(1) - 1.5).astype(int)
    high = np.ceil(corners.max(1) + 1.5).astype(int)
    shown = np.zeros(len(triangles), bool)
    for n, ((x0, y0), (x1, y1)) in enumerate(zip(low, high, strict=True)):
        patch = alpha[max(y0, 0) : max(min(y1, height), 1), max(x0, 0) : max(min(x1, width), 1)]
        shown[n] = patch.any()
    return shown


def _check(face: FaceState) -> None:
    if face.landmarks.shape != (N_LANDMARKS, 3):
        raise InvalidInput(
            f"A face has landmarks of shape {(N_LANDMARKS, 3)}, not {face.landmarks.shape}."
        )
    numbers = (face.landmarks, face.rotation, face.translation, np.float64(face.scale))
    if not all(np.isfinite(part).all() for part in numbers):
        raise InvalidInput("The face holds NaN or infinite numbers; check the motion's source.")
    if face.scale <= 0:
        raise InvalidInput(f"A face's scale must be above 0, not {face.scale:g}.")


def _head(face: FaceState) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The first two rows of scale · R, and the shift, both within what layers can show."""
    limit = np.array(_TURN_LIMIT)
    vector = limit * np.tanh(np.asarray(face.rotation, np.float64) / limit)
    scale = float(np.exp(_SCALE_LIMIT * np.tanh(np.log(face.scale) / _SCALE_LIMIT)))
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle > 1e-9 else np.zeros(3)
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    slide = _SHIFT_LIMIT * np.tanh(np.asarray(face.translation, np.float64) / _SHIFT_LIMIT)
    return (scale * rotation[:2]).astype(np.float32), slide.astype(np.float32)
