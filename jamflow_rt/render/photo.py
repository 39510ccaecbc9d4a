"""A portrait from one photograph: the picture on a mesh that the face can move.

The photograph is cut out around the head and laid twice: on a grid that follows the head less and
less away from it, and on the face mesh in front of that. Behind the openings of the mesh lie the
eyes as photographed, and a mouth: the package's own teeth and tongue, and what the photograph
itself shows between parted lips.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from jamflow_rt.codec.alignment import align
from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.face_mesh import RINGS, Face, face_layer
from jamflow_rt.render.portrait import Layer, Portrait
from jamflow_rt.render.portraits import canonical_face, load_portrait
from jamflow_rt.render.rig import Area, Grid, Mesh, Pull, grid_layer
from jamflow_rt.render.topology import EYES, LOWER_LIP, OVAL, UPPER_LIP, Eye, Lips, without_holes

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]

LARGEST = 1024
"""Pixels of the portrait's picture at most: more would not be seen."""
SMALLEST_FACE = 80
"""Pixels of a face's width below which it would be a blur."""
MOST_TURNED = 28.0
"""Degrees from the camera beyond which half of the face is missing."""

# The cut: heads (outline heights) of picture around the face, and where its middle lies.
_CUT, _ABOVE = 2.3, 0.08
# Units beyond the outline: up to the first the head is stiff, at the second nothing moves.
_STIFF, _STILL = 1.5, 9.0
_BORDER = 2.0
# Parted lips: units of gap from which the picture shows what is between them.
_PARTED = 0.15
_LIP_EDGE = 0.32
_SEAM = 0.08
_EYE_MARGIN = 0.8
_GAZE_REACH = 0.9
# Drawn teeth are whiter than those on photographs.
_PHOTOGRAPHED = np.array([0.86, 0.81, 0.75])


def portrait_from_photo(picture: Picture, landmarks: Array, name: str) -> Portrait:
    """Make a portrait of a photograph.

    Args:
        picture: (H, W, 3) RGB.
        landmarks: (478, 3) of the face in it, in pixels; z in the same unit, growing away.
        name: of the portrait.

    Raises:
        InvalidInput: the face is too small, turned away too far, or cut off.
    """
    canonical, triangles = canonical_face()
    reference = np.zeros((len(landmarks), 3), np.float32)
    reference[: len(canonical)] = canonical
    (upright,), pose = align(landmarks[None], reference)
    turn = Rotation.from_rotvec(pose.rotation[0]).as_matrix().astype(np.float32)
    scale, centre = float(pose.scale[0]), pose.translation[0, :2]
    _check(picture, landmarks, turn)

    cut, origin, unit = _cut(picture, landmarks, scale, centre)
    area = Area(*(-origin / unit), *((1 - origin) / unit))
    shown = (upright @ turn.T).astype(np.float32)
    rest, parted = _closed(upright)
    face = Face(_flattened((rest @ turn.T).astype(np.float32)), shown, without_holes(triangles))
    image = _opaque(cut)
    around = _Around(face.rest, area)
    layers = [
        grid_layer("background", image, area, 0.8, Grid(around.depth, around.follow)),
        *(_eye_layer(f"eye_{k}", image, face, eye, area) for k, eye in enumerate(EYES)),
        *_mouth(face.rest, turn, cut, face, area),
    ]
    if parted:
        layers.append(_between_lips(cut, face, area))
    layers += [
        _lip_edge("upper_edge", cut, face, UPPER_LIP, 1.0, area),
        _lip_edge("lower_edge", cut, face, LOWER_LIP, -0.4, area),
        face_layer(face, image, area, skirts=False, follow=around.follow_at),
    ]
    return Portrait(name, rest, origin.astype(np.float32), unit, tuple(layers), turn)


def _check(picture: Picture, landmarks: Array, turn: Array) -> None:
    height, width = picture.shape[:2]
    outline = landmarks[OVAL, :2]
    wide = float(np.ptp(outline[:, 0]))
    if wide < SMALLEST_FACE:
        raise InvalidInput(
            f"The face is {wide:.0f} pixels wide and {SMALLEST_FACE} are needed: take a picture "
            "with more pixels, or one from nearer by."
        )
    away = float(np.degrees(np.arccos(np.clip(turn[2, 2], -1, 1))))
    if away > MOST_TURNED:
        raise InvalidInput(
            f"The face is turned {away:.0f}° away from the camera and at most {MOST_TURNED:.0f}° "
            "will do: take a picture that looks into the camera."
        )
    outside = (outline < 0).any() or (outline > [width, height]).any()
    if outside:
        raise InvalidInput("The face is cut off by the edge of the picture: show all of it.")


def _cut(
    picture: Picture, landmarks: Array, scale: float, centre: Array
) -> tuple[Picture, Array, float]:
    """A square around the head; where the canonical origin lies in it, and one unit's share."""
    height, width = picture.shape[:2]
    outline = landmarks[OVAL, :2]
    low, high = outline.min(0), outline.max(0)
    face = float(high[1] - low[1])
    side = round(min(_CUT * face, max(height, width)))
    middle = (low + high) / 2 + [0, _ABOVE * face]
    left, top = (middle - side / 2).round().astype(int)
    if side <= width:
        left = int(np.clip(left, 0, width - side))
    if side <= height:
        top = int(np.clip(top, 0, height - side))
    # Where the picture ends, its edge goes on.
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    cut = np.ascontiguousarray(picture[rows][:, columns])
    origin = (centre - [left, top]) / side
    if side > LARGEST:
        small = Image.fromarray(cut).resize((LARGEST, LARGEST), Image.Resampling.LANCZOS)
        cut = np.array(small)
    return cut, origin.astype(np.float32), scale / side


def _closed(upright: Array) -> tuple[Array, bool]:
    """The face at rest, with its lips closed, and whether they were parted in the picture."""
    rest = upright.copy()
    upper, lower = UPPER_LIP.inner[1:-1], LOWER_LIP.inner[1:-1]
    gap = upright[lower, 1] - upright[upper, 1]
    for ring, share in ((3, 0.5), (2, 0.4), (1, 0.25), (0, 0.15)):
        rest[UPPER_LIP.rings[ring, 1:-1], 1] += share * gap
        rest[LOWER_LIP.rings[ring, 1:-1], 1] -= share * gap
    return rest, bool(gap.max() > _PARTED)


def _lip_side(upright: Array) -> Array:
    """The same with the lips' inner edges a little within the lips: no tooth, no dark seam."""
    shown = upright.copy()
    for lips in (UPPER_LIP, LOWER_LIP):
        inner, body = shown[lips.inner[1:-1]], shown[lips.rings[2, 1:-1]]
        away = body - inner
        length = np.linalg.norm(away, axis=1, keepdims=True)
        shown[lips.inner[1:-1]] += away / np.maximum(length, 1e-6) * np.minimum(_SEAM, length / 2)
    return shown


def _flattened(rest: Array) -> Array:
    """Flatter behind the temples: what turns away from the viewer must not fold over the cheek."""
    flat = rest.copy()
    flat[:, 2] = np.where(rest[:, 2] > -1, -1 + (rest[:, 2] + 1) * 0.3, rest[:, 2])
    return flat


class _Around:
    """The head beyond its face: how far back it lies and how much of its movement it shares."""

    def __init__(self, rest: Array, area: Area) -> None:
        self._area = area
        # The outline, densely: distances to it are distances to the nearest of these.
        closed = np.concatenate([rest[OVAL], rest[OVAL[:1]]])
        steps = np.linspace(0, 1, 8, endpoint=False)[:, None, None]
        self._line = (closed[:-1] + steps * (closed[1:] - closed[:-1])).reshape(-1, 3)
        self._tree = cKDTree(self._line[:, :2])
        self._outline = closed[:, :2]
        self._distances = [0.0, *(ring[0] for ring in RINGS)]
        self._depths = [0.0, *(ring[2] for ring in RINGS)]

    def depth(self, x: Array, y: Array) -> Array:
        distance, nearest = self._tree.query(np.stack([x, y], 1))
        behind = np.interp(distance, self._distances, self._depths)
        return np.asarray(self._line[nearest, 2] + behind, np.float32)

    def follow(self, x: Array, y: Array) -> Array:
        distance, _ = self._tree.query(np.stack([x, y], 1))
        distance = np.where(self._inside(x, y), 0.0, distance)
        away = np.clip((distance - _STIFF) / (_STILL - _STIFF), 0, 1)
        area = self._area
        edge = np.minimum.reduce([x - area.left, area.right - x, y - area.top, area.bottom - y])
        held = np.clip(edge / _BORDER, 0, 1)
        return np.asarray((1 - _smooth(away)) * _smooth(held), np.float32)

    def follow_at(self, x: float, y: float) -> float:
        one = np.array([x], np.float32), np.array([y], np.float32)
        return float(self.follow(*one)[0])

    def _inside(self, x: Array, y: Array) -> NDArray[np.bool_]:
        odd = np.zeros(len(x), bool)
        for (x0, y0), (x1, y1) in zip(self._outline[:-1], self._outline[1:], strict=True):
            spans = (y0 > y) != (y1 > y)
            with np.errstate(divide="ignore", invalid="ignore"):
                crossing = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
            odd ^= spans & (x < crossing)
        return odd


def _smooth(share: NDArray[np.float64]) -> NDArray[np.float64]:
    smooth: NDArray[np.float64] = share * share * (3 - 2 * share)
    return smooth


def _eye_layer(name: str, image: Picture, face: Face, eye: Eye, area: Area) -> Layer:
    """An eye as photographed, behind the lids; it looks about a little."""
    lids = face.rest[np.concatenate([eye.upper, eye.lower])]
    low, high = lids[:, :2].min(0) - _EYE_MARGIN, lids[:, :2].max(0) + _EYE_MARGIN
    box = Area(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    iris = face.rest[eye.iris, :2]
    depth = float(lids[:, 2].mean())

    def gaze(x: float, y: float) -> Pull:
        near = float(np.exp(-(np.hypot(x - iris[0], y - iris[1]) ** 2) / _GAZE_REACH**2))
        return [(eye.iris, near)]

    grid = _stiff(depth)._replace(pulls=gaze)
    return grid_layer(name, _patch(image, box, area), box, 0.3, grid)


def _stiff(depth: float) -> Grid:
    """What lies flat within the head and moves with all of it."""
    return Grid(lambda x, y: np.full_like(x, depth), lambda x, y: np.ones_like(x))


def _patch(image: Picture, box: Area, area: Area) -> Picture:
    """What the picture, which shows `area`, shows in `box`."""
    size = image.shape[0]
    share = size / (area.right - area.left)
    bounds = (
        (box.left - area.left) * share,
        (box.top - area.top) * share,
        (box.right - area.left) * share,
        (box.bottom - area.top) * share,
    )
    wanted = max(2, round(bounds[2] - bounds[0])), max(2, round(bounds[3] - bounds[1]))
    whole = Image.fromarray(image)
    return np.array(whole.resize(wanted, Image.Resampling.BICUBIC, box=_within(bounds, size)))


def _within(
    bounds: tuple[float, float, float, float], size: int
) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(np.clip(edge, 0, size)) for edge in bounds)
    return left, top, right, bottom


def _mouth(rest: Array, turn: Array, cut: Picture, face: Face, area: Area) -> list[Layer]:
    """The package's own mouth, as wide as this one, as bright as the picture."""
    sitter = load_portrait()
    corners = UPPER_LIP.inner[[0, -1]]
    ours, theirs = sitter.landmarks, rest
    size = np.linalg.norm(theirs[corners[0]] - theirs[corners[1]])
    ratio = float(size / np.linalg.norm(ours[corners[0]] - ours[corners[1]]))
    seam = [int(UPPER_LIP.inner[5]), int(LOWER_LIP.inner[5])]
    from_, to = ours[seam].mean(0), theirs[seam].mean(0)
    light = _brightness(cut, face, area)
    layers = []
    for layer in sitter.layers:
        if layer.name not in ("cavity", "tongue", "teeth"):
            continue
        vertices = ratio * (layer.vertices - from_) @ turn.T + to
        picture = layer.image.copy()
        tint = _PHOTOGRAPHED if layer.name == "teeth" else 1.0
        picture[..., :3] = (picture[..., :3] * (light * tint)).astype(np.uint8)
        layers.append(replace(layer, vertices=vertices.astype(np.float32), image=picture))
    return layers


def _brightness(cut: Picture, face: Face, area: Area) -> float:
    """How bright the light on this face is, where 1 is the light the mouth was painted in."""
    cheeks = _colours(cut, face.texture[[50, 280, 205, 425]], area)
    return float(np.clip(cheeks.mean() / 190, 0.45, 1.0))


def _colours(cut: Picture, places: Array, area: Area) -> NDArray[np.float32]:
    """(N, 3) mean colours around places in the picture."""
    size = cut.shape[0]
    share = size / (area.right - area.left)
    reach = max(1, round(0.12 * share))
    found = []
    for x, y in (places[:, :2] - [area.left, area.top]) * share:
        row, column = (int(np.clip(v, reach, size - reach - 1)) for v in (y, x))
        near = cut[row - reach : row + reach + 1, column - reach : column + reach + 1]
        found.append(near.reshape(-1, 3).mean(0))
    return np.array(found, np.float32)


def _between_lips(cut: Picture, face: Face, area: Area) -> Layer:
    """Teeth that the photograph shows: they stay where they are when the lips part again."""
    loop = np.concatenate([UPPER_LIP.inner, LOWER_LIP.inner[-2:0:-1]])
    size = cut.shape[0]
    share = size / (area.right - area.left)
    outline = (face.texture[loop, :2] - [area.left, area.top]) * share
    mask = Image.new("L", (size, size), 0)
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in outline], fill=255)
    soft = mask.filter(ImageFilter.GaussianBlur(max(1.0, 0.05 * share)))
    image = np.dstack([cut, np.array(soft)])
    low, high = face.texture[loop, :2].min(0) - 0.2, face.texture[loop, :2].max(0) + 0.2
    box = Area(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    depth = float(face.rest[loop, 2].mean()) + 0.3

    return grid_layer("own_teeth", _patch(image, box, area), box, 0.8, _stiff(depth))


def _lip_edge(name: str, cut: Picture, face: Face, lips: Lips, side: float, area: Area) -> Layer:
    """The rounding of a lip into the mouth: its colour, darker and fainter inwards."""
    mesh = Mesh()
    rows: list[list[int]] = [[], []]
    for n, i in enumerate(int(i) for i in lips.inner):
        share = 1 - abs(2 * n / (len(lips.inner) - 1) - 1) ** 2.5
        for row in (0, 1):
            place = face.rest[i] + np.array([0, row * side * _LIP_EDGE * share, 0.05], np.float32)
            at = np.array([n / (len(lips.inner) - 1), row, 0], np.float32)
            rows[row].append(mesh.vertex(place, at, [(i, 1.0)]))
    mesh.strip(rows[0], rows[1])
    body = _colours(cut, face.texture[lips.rings[2]], area)
    places = np.linspace(0, len(body) - 1, 64)
    along = np.stack([np.interp(places, range(len(body)), c) for c in body.T], 1)
    fade = np.linspace(0, 1, 16)[:, None, None]
    colour = along[None] * (0.75 - 0.5 * fade)
    alpha = np.broadcast_to(255 * (1 - _smooth(fade)), (16, 64, 1))
    image = np.concatenate([colour, alpha], 2).astype(np.uint8)
    return mesh.layer(name, np.ascontiguousarray(image), Area(0, 0, 1, 1))


def _opaque(picture: Picture) -> Picture:
    return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
