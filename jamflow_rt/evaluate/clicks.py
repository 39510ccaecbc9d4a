"""Clicks: does the sound jump where one window ends and the next begins?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.evaluate.take import Take

_NEAR = SAMPLE_RATE // 100
_AUDIBLE = 1e-4


@dataclass(frozen=True, slots=True)
class Clicks:
    """Sample-to-sample jumps |x[n] − x[n−1]| at window edges and inside windows."""

    edges: int
    """Number of window edges."""
    largest_at_edges: float
    inside_p999: float
    """99.9th percentile of the jumps inside windows."""
    largest_inside: float
    share_above: float
    """Share of edges whose jump exceeds `inside_p999`; 0.001 is what any place would have."""
    share_sticking_out: float
    """Share of edges that jump more than all within 10 ms of them; 0.002 is chance."""


def measure_clicks(takes: Iterable[Take]) -> Clicks | None:
    """Jumps of all takes together; None when no take has a window edge."""
    at_edges, inside, sticking_out = [], [], []
    for take in takes:
        # jumps[n] is the step into sample n; into the first one it comes from silence.
        jumps = np.abs(np.diff(take.sound, prepend=0.0))
        places = np.array([edge for edge in take.edges if edge < len(jumps)], np.int64)
        at_edges.append(jumps[places])
        inside.append(np.delete(jumps, places))
        for place in places:
            near = jumps[max(0, place - _NEAR) : place + _NEAR + 1]
            # Where nothing sounds nothing can click.
            sticking_out.append(bool(jumps[place] > _AUDIBLE and jumps[place] >= near.max()))
    edges = np.concatenate(at_edges) if at_edges else np.zeros(0)
    if not len(edges):
        return None
    within = np.concatenate(inside)
    threshold = float(np.percentile(within, 99.9))
    return Clicks(
        edges=len(edges),
        largest_at_edges=float(edges.max()),
        inside_p999=threshold,
        largest_inside=float(within.max()),
        share_above=float((edges > threshold).mean()),
        share_sticking_out=float(np.mean(sticking_out)),
    )
