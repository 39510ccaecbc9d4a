"""How long LivePortrait takes for a picture here."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch

from jamflow_rt.bench.figures import Figure
from jamflow_rt.bench.subject import Subject
from jamflow_rt.model.threads import apart
from jamflow_rt.render.liveportrait.architecture import IMAGE
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks

_MOVES = 0.05
"""How far keypoints are from the source's, about as far as speech moves them."""


def liveportrait_figures(subject: Subject) -> list[Figure]:
    """Milliseconds a photograph and a picture, with the bundle's networks or with random ones.

    What the weights are does not change the time.
    """
    networks = subject.bundle.networks
    note = "the bundle's networks" if networks else "random weights of the published size"
    networks = networks or LivePortraitNetworks.random(0)
    photo, picture = apart(lambda: measure_networks(networks, subject.plan.pictures))
    return [
        Figure(
            key="photo",
            name="one photograph read: appearance and motion",
            value=1000 * photo,
            unit="ms",
            note="once a source",
        ),
        Figure(
            key="picture",
            name="one picture: stitching, warping, drawing",
            value=1000 * picture,
            unit="ms",
            note=note,
        ),
    ]


def measure_networks(networks: LivePortraitNetworks, pictures: int) -> tuple[float, float]:
    """Median seconds to read a photograph and to draw a picture of it, on the calling thread.

    Args:
        networks: on any device.
        pictures: how often each is done.
    """
    device = next(networks.parameters()).device
    made = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, IMAGE, IMAGE, generator=made).to(device)
    f_s, x_s = networks.appearance(image), networks.motion(image).placed()

    def read() -> None:
        networks.appearance(image)
        networks.motion(image)

    def draw() -> None:
        moved = x_s + _MOVES * torch.randn(x_s.shape, generator=made).to(device)
        # Copying the result is what waits for a GPU.
        networks.render(f_s, x_s, networks.stitch(x_s, moved)).cpu()

    return _median_seconds(read, pictures), _median_seconds(draw, pictures)


def _median_seconds(action: Callable[[], None], times: int) -> float:
    # The first prepares weights, allocates and fills caches.
    action()
    seconds = []
    for _ in range(times):
        start = perf_counter()
        action()
        seconds.append(perf_counter() - start)
    return median(seconds)
