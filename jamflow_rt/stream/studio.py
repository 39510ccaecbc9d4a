"""The studio: what all sessions of one avatar share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.codec.vocoder import Vocoder
from jamflow_rt.config import Voice
from jamflow_rt.render.portrait import Portrait
from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.playout import Painter
from jamflow_rt.stream.windows import WindowPlanner
from jamflow_rt.text.front import TextFront

PortraitLike = str | Path | Portrait


@dataclass(frozen=True)
class Studio:
    """One model and what belongs to it. Immutable, for any number of sessions."""

    engine: Engine
    front: TextFront
    space: MotionSpace
    vocoder: Vocoder
    planner: WindowPlanner
    executor: Executor
    """Times texts."""
    voices: tuple[Voice, ...]
    """All that the model speaks with."""
    find_voice: Callable[[str | None], Voice]
    """A voice by its name; raises InvalidInput."""
    open_painter: Callable[[PortraitLike | None, int], Painter]
    """Opens a portrait at a size, in some tenths of a second; raises InvalidInput."""

    def performance(self, seed: int, voice: Voice) -> Performance:
        """A new performance: a past of silence and rest."""
        return Performance(self.space, self.vocoder, self.planner, seed, voice.number)
