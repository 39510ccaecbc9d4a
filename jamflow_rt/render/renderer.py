"""What every renderer looks like from outside."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.face import FaceState


class Renderer(Protocol):
    """Draws faces. One renderer belongs to one session; different ones may run in threads."""

    @property
    def size(self) -> int:
        """Width and height of the pictures in pixels."""
        ...

    def render(self, face: FaceState) -> NDArray[np.uint8]:
        """The picture of a face: (size, size, 3) RGB, owned by the caller."""
        ...
