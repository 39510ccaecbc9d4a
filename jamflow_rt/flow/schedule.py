"""At which flow times the solver asks the network: F5-TTS's sway and EPSS schedules."""

from __future__ import annotations

import math

# Empirically pruned step sampling (arXiv 2505.19931), in 1/32 of the way, as F5-TTS tabulates it.
_EPSS: dict[int, tuple[int, ...]] = {
    5: (0, 2, 4, 8, 16, 32),
    6: (0, 2, 4, 6, 8, 16, 32),
    7: (0, 2, 4, 6, 8, 16, 24, 32),
    10: (0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32),
    12: (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    16: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
}


def flow_times(evaluations: int, sway: float = -1.0, epss: bool = False) -> list[float]:
    """`evaluations` + 1 rising times from 0 to 1.

    Args:
        evaluations: Euler steps.
        sway: F5-TTS's sway coefficient s in t + s·(cos(πt/2) − 1 + t); 0 is uniform.
        epss: take F5-TTS's pruned table where it has one for this number, before the sway.
    """
    table = _EPSS.get(evaluations) if epss else None
    even = [k / 32 for k in table] if table else [k / evaluations for k in range(evaluations + 1)]
    return [t + sway * (math.cos(math.pi * t / 2) - 1 + t) for t in even]
