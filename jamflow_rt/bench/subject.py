"""What a bench measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from jamflow_rt.avatar import Avatar, SessionOpener
from jamflow_rt.bench.plan import Plan
from jamflow_rt.bench.sentences import SENTENCES
from jamflow_rt.bench.window import speech_window
from jamflow_rt.bundle import Bundle
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.model.threads import Cores, apart
from jamflow_rt.render.mesh import MeshRenderer
from jamflow_rt.render.portrait import Portrait
from jamflow_rt.stream.calibration import choose_cores
from jamflow_rt.stream.clock import MediaClock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, a face, and how thoroughly to measure them."""

    bundle: Bundle
    portrait: Portrait
    plan: Plan

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is said."""
        return SENTENCES[: self.plan.sentences]

    def renderer(self, size: int) -> MeshRenderer:
        """Draws the face in pictures of that width."""
        return MeshRenderer(self.portrait, self.bundle.motion.neutral, size)

    def compute(self, function: Callable[[], T]) -> T:
        """Call `function` in a thread of its own, on as many cores as the engine would choose."""
        return self.compute_on(lambda cores: function())

    def compute_on(self, function: Callable[[Cores], T]) -> T:
        """The same; `function` is told how many cores those are."""
        bundle = self.bundle

        def run() -> T:
            window = speech_window(bundle, bundle.windows.growth[-1])
            return function(choose_cores(Sampler(bundle.model, bundle.sampling), window))

        return apart(run)

    @contextmanager
    def avatar(self) -> Iterator[Avatar]:
        """An avatar with room for any number of sessions, ready to answer, closed at the end."""
        with Avatar(self.bundle, by_capacity=False) as avatar:
            avatar.warm_up()
            yield avatar

    def session(
        self, avatar: Avatar, *, pictures: bool, clock: MediaClock | None = None
    ) -> SessionOpener:
        """A session of `avatar` with the face; repeatable."""
        return avatar.session(
            self.portrait, size=self.plan.size, pictures=pictures, seed=0, clock=clock
        )
