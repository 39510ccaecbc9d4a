"""The studio: what all sessions of one avatar share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jamflow_rt.codec.keypoints import KeypointSpace, KeypointTrack
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.codec.vocoder import Vocoder
from jamflow_rt.config import Voice
from jamflow_rt.render.portrait import Portrait
from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.phrases import References
from jamflow_rt.stream.playout import Painter
from jamflow_rt.stream.windows import WindowPlanner
from jamflow_rt.text.front import TextFront
from jamflow_rt.text.written import CharacterFront

T = TypeVar("T")
PortraitLike = str | Path | Portrait


@dataclass(frozen=True)
class Studio:
    """One model and what belongs to it. Immutable, for any number of sessions."""

    engine: Engine
    front: TextFront | CharacterFront
    space: MotionSpace | KeypointSpace
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
    references: References | None = None
    """Of the voices, where the model reads characters."""

    def performance(
        self, seed: int, voice: Voice, track: KeypointTrack | None = None
    ) -> Performance:
        """A new performance: a past of silence and rest.

        Args:
            seed: fixes the noise.
            voice: who idles.
            track: what of the face's motion is given, where the space leaves anything to it.
        """
        performance = Performance(self.space, self.vocoder, self.planner, seed, voice.number)
        if track is not None:
            performance.follow(track)
        return performance

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a blocking function on the executor."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)
