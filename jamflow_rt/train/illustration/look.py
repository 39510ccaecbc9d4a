"""What makes one sitter another: a look is a value, and the brushes read every colour from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from jamflow_rt.render.rig import Area
from jamflow_rt.train.illustration.paint import Array, Colour, Sheet

Curve = tuple[tuple[float, float], ...]
"""Points of a curve in canonical units, on the half of the face at positive x, middle first."""
Ramp = tuple[tuple[float, Colour], ...]

# The skin that the brushes' colours were mixed for, at 0.6 of its ramp.
_MIXED_FOR = (231, 172, 142)


class Hair(Protocol):
    """How hair is painted, before the face and behind it."""

    @property
    def front(self) -> Area:
        """What the picture of the hair before the face shows."""
        ...

    @property
    def back(self) -> Area:
        """What the picture of the hair behind the head shows."""
        ...

    def paint_front(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage of the hair before the face."""
        ...

    def paint_back(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage of the hair behind neck and head."""
        ...

    def edges(self) -> list[Array]:
        """Curves (N, 2) along which hair throws its shade on the face."""
        ...

    def falls(self) -> bool:
        """Whether it hangs beside the neck."""
        ...

    def follow(self, x: Array, y: Array) -> Array:
        """Share of the head's movement that hair at a place takes part in."""
        ...

    def depth(self, x: Array, y: Array) -> Array:
        """How far back (z) hair before the face lies at a place."""
        ...

    @property
    def behind(self) -> float:
        """How far back (z) the hair behind the head lies."""
        ...


class Clothes(Protocol):
    """What the sitter wears."""

    def paint(self, sheet: Sheet) -> tuple[Array, Array]:
        """Colour and coverage of everything that is worn."""
        ...


@dataclass(frozen=True)
class Shape:
    """Proportions. The curves say where eyes, brows and lips lie."""

    width: Curve
    """Height y and factor of the canonical face's width there, from the forehead down."""
    chin: float
    """How far the chin is lifted; without it, it lies where the canonical face has it."""
    lid_up: Curve
    lid_low: Curve
    canthus: tuple[float, float]
    """The outer corner of the eye, where both lids end."""
    iris: tuple[float, float]
    brow_top: Curve
    brow_low: Curve
    brow_tail: tuple[float, float]
    lip_top: Curve
    lip_seam: Curve
    lip_low: Curve
    nose: float = 1.0
    """Width of the nose."""
    nose_lift: float = 0.3
    nose_out: float = 0.55
    ridge: float = 1.0
    """How much the bone above the eyes stands out."""
    neck: float = 1.0

    @property
    def seam(self) -> float:
        """Where the lips meet in the middle, y."""
        return self.lip_seam[0][1]


@dataclass(frozen=True)
class Skin:
    """Skin from shadow to light, and what lies on it."""

    tones: Ramp
    sheen: float = 1.0
    """How strongly lights stand out."""
    blush: float = 1.0
    freckles: int = 0
    creases: float = 1.0
    """How deep the folds beside the mouth are."""

    @cached_property
    def _ratio(self) -> Array:
        places = [place for place, _ in self.tones]
        own = [np.interp(0.6, places, [colour[k] for _, colour in self.tones]) for k in range(3)]
        return np.asarray(np.array(own) / np.array(_MIXED_FOR), np.float64)

    def of(self, colour: Colour) -> Colour:
        """A colour that was mixed for fair skin, as it looks on this one."""
        red, green, blue = (float(c) for c in np.asarray(colour) * self._ratio)
        return red, green, blue


@dataclass(frozen=True)
class Eyes:
    """Irises, from the pupil to the rim, and lashes."""

    iris: Ramp
    glow: Colour
    """The light that passes through the iris."""
    lash: Colour
    lashes: float = 1.0
    """Length of the lashes."""
    liner: float = 1.0
    """Width of the dark edge of the upper lid."""


@dataclass(frozen=True)
class Brows:
    """Brows: their ground, their hairs, and how many."""

    ground: Colour
    hair: Colour
    cover: float = 1.0
    hairs: int = 420


@dataclass(frozen=True)
class Mouth:
    """Colours of the lips."""

    upper: Colour
    lower: Colour
    inside: Colour
    """Where a lip rolls inwards."""
    shine: float = 1.0


@dataclass(frozen=True)
class Beard:
    """A short beard."""

    colour: Colour
    hairs: int
    length: float
    """Of a hair, in units."""
    ground: float
    """How much of the skin it darkens."""


@dataclass(frozen=True)
class Ears:
    """Ears that show, and the rings in them."""

    ring: Colour | None = None


@dataclass(frozen=True)
class Scene:
    """A room, far out of focus."""

    wall: Ramp
    window: Colour
    window_light: float
    ledge: Colour
    floor: Colour
    shelf: Colour
    books: tuple[tuple[float, float, float, Colour], ...]
    """Left, right, top and colour of each."""
    leaf: tuple[Colour, Colour] | None
    """The plant's colours from dark to light."""
    lights: Colour
    seed: int


@dataclass(frozen=True)
class Look:
    """Everything that tells one sitter from another."""

    name: str
    shape: Shape
    skin: Skin
    eyes: Eyes
    brows: Brows
    mouth: Mouth
    hair: Hair
    clothes: Clothes
    scene: Scene
    beard: Beard | None = None
    ears: Ears | None = None
