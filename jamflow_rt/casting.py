"""Who is seen: opens portraits, and gives each session a renderer of its own."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING

from jamflow_rt.codec.keypoints import KeypointTrack
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.render.badge import BadgedRenderer
from jamflow_rt.render.mesh import MeshRenderer
from jamflow_rt.render.open_portrait import open_portrait
from jamflow_rt.render.portrait import Portrait
from jamflow_rt.render.portraits import DEFAULT_PORTRAIT
from jamflow_rt.render.renderer import Renderer
from jamflow_rt.stream.capacity import Capacity
from jamflow_rt.stream.playout import Painter
from jamflow_rt.stream.studio import PortraitLike

if TYPE_CHECKING:
    from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
    from jamflow_rt.render.liveportrait.source import LivePortraitSource

_PATIENCE = 0.5
"""Seconds that are spent on finding out what a picture costs."""


class Casting:
    """Draws portraits as meshes, or with LivePortrait's networks. May be used from any thread.

    Args:
        mesh: gives rest and motion of a mesh.
        networks: LivePortrait's; without them portraits are meshes.
        badge: mark pictures as made by a machine, in a corner.
        executor: where to draw.
        capacity: told what a picture costs.
    """

    def __init__(
        self,
        mesh: MotionSpace,
        networks: LivePortraitNetworks | None,
        badge: bool,
        executor: Executor,
        capacity: Capacity,
    ) -> None:
        self._mesh = mesh
        self._networks = networks
        self._badge = badge
        self._executor = executor
        self._capacity = capacity
        self._portraits: dict[str, Portrait] = {}
        self._sources: dict[str, LivePortraitSource] = {}

    def painter(self, portrait: PortraitLike | None, size: int) -> Painter:
        """Someone who can be drawn, at a size; takes some tenths of a second.

        Raises:
            InvalidInput: there is no such portrait, or it will not do; an impossible size.
            NotSupported: a photograph was given and MediaPipe is not installed.
        """
        renderer, track = (
            self._neural(portrait, size) if self._networks else self._plain(portrait, size)
        )
        shown: Renderer = BadgedRenderer(renderer) if self._badge else renderer
        return Painter(shown, self._executor, track)

    def _plain(
        self, portrait: PortraitLike | None, size: int
    ) -> tuple[Renderer, KeypointTrack | None]:
        renderer = MeshRenderer(self._portrait(portrait), self._mesh.neutral, size)
        renderer.warm_up()
        self._learn_cost(renderer)
        return renderer, None

    def _neural(
        self, portrait: PortraitLike | None, size: int
    ) -> tuple[Renderer, KeypointTrack | None]:
        from jamflow_rt.codec.keypoint_map import load_mesh_map
        from jamflow_rt.render.liveportrait.renderer import LivePortraitRenderer

        assert self._networks is not None
        source = self._source(portrait)
        renderer = LivePortraitRenderer(self._networks, source, size, load_mesh_map())
        renderer.warm_up()
        self._learn_cost(renderer)
        return renderer, source.track

    def _learn_cost(self, renderer: Renderer) -> None:
        """Of one picture: the quickest of a few, since others may be at work."""
        face = self._mesh.decode(self._mesh.rest[None])[0]
        times: list[float] = []
        # One that takes long is not drawn again only to know how long.
        while len(times) < 3 and sum(times) < _PATIENCE:
            start = time.perf_counter()
            renderer.render(face)
            times.append(time.perf_counter() - start)
        self._capacity.add_picture(renderer.size**2, min(times))

    def _portrait(self, portrait: PortraitLike | None) -> Portrait:
        if isinstance(portrait, Portrait):
            return portrait
        key = DEFAULT_PORTRAIT if portrait is None else str(portrait)
        if key not in self._portraits:
            self._portraits[key] = open_portrait(DEFAULT_PORTRAIT if portrait is None else portrait)
        return self._portraits[key]

    def _source(self, portrait: PortraitLike | None) -> LivePortraitSource:
        """A photograph or a video as it is; a name or a portrait's folder by its picture."""
        from jamflow_rt.render.liveportrait.source import (
            SOURCE_SUFFIXES,
            open_source,
            portrait_source,
        )

        assert self._networks is not None
        if isinstance(portrait, Portrait):
            return portrait_source(self._networks, portrait)
        key = DEFAULT_PORTRAIT if portrait is None else str(portrait)
        if key not in self._sources:
            if Path(key).suffix.lower() in SOURCE_SUFFIXES:
                self._sources[key] = open_source(self._networks, key)
            else:
                self._sources[key] = portrait_source(self._networks, self._portrait(portrait))
        return self._sources[key]
