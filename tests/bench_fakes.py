"""What bench tests share: a renderer that remembers, and a plan that is over in a moment."""

from __future__ import annotations

import numpy as np

from jamflow_rt.bench.plan import Plan
from jamflow_rt.codec.face import FaceState

TINY = Plan(
    trials=1,
    seconds=0.4,
    evaluations=(1,),
    repeats=1,
    sentences=1,
    motion_only=(1,),
    video=(1,),
    encoded=(1,),
    size=16,
    sizes=(16, 24),
    faces=2,
    pictures=1,
    product=16,
    memory_sessions=1,
    warm_cycles=0,
    cycles=1,
)


class GreyRenderer:
    size = 32

    def __init__(self) -> None:
        self.faces: list[FaceState] = []

    @property
    def drawn(self) -> int:
        return len(self.faces)

    def render(self, face: FaceState) -> np.ndarray:
        self.faces.append(face)
        return np.full((32, 32, 3), 128, np.uint8)
