"""How long a picture takes to draw."""

from __future__ import annotations

from statistics import median
from time import perf_counter

import numpy as np

from jamflow_rt.bench.figures import Figure
from jamflow_rt.bench.subject import Subject
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.render.renderer import Renderer


def rendering_figures(subject: Subject) -> list[Figure]:
    """Milliseconds a picture on one core, by width."""
    space, faces = subject.bundle.mesh, subject.plan.faces
    return [
        Figure(
            key=f"pixels_{size}",
            name=f"one picture, {size} × {size}",  # noqa: RUF001
            value=1000 * measure_rendering(space, subject.renderer(size), faces),
            unit="ms",
            digits=1,
            note="on one core",
        )
        for size in subject.plan.sizes
    ]


def measure_rendering(space: MotionSpace, renderer: Renderer, faces: int = 60) -> float:
    """Median seconds to draw one of many different faces, as the motion space has them."""
    latents = np.random.default_rng(0).normal(size=(faces, space.size))
    varied = space.decode(latents.astype(np.float32))
    # The first of everything compiles, allocates and fills caches.
    renderer.render(varied[0])
    times = []
    for face in varied:
        start = perf_counter()
        renderer.render(face)
        times.append(perf_counter() - start)
    return median(times)
