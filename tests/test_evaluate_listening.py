from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.codec.face import FaceState
from jamflow_rt.evaluate.listening import measure_listening


def faces(gaps: np.ndarray) -> list[FaceState]:
    made = []
    for gap in gaps:
        mesh = np.zeros((478, 3), np.float32)
        mesh[14, 1] = gap
        made.append(FaceState(mesh, np.zeros(3, np.float32), np.zeros(2, np.float32), 1.0))
    return made


def loud(sound: np.ndarray) -> list[FaceState]:
    """A mouth as open as the sound is loud."""
    return faces(np.abs(sound.reshape(-1, 960)).mean(1))


def clip(seed: int, sign: float = 1.0) -> tuple[np.ndarray, list[FaceState]]:
    level = np.random.default_rng(seed).uniform(0.1, 1, 75)
    return np.repeat(level, 960).astype(np.float32), faces(1 + sign * level)


def test_lips_that_follow_correlate() -> None:
    found = measure_listening([clip(0), clip(1)], loud)
    assert found is not None and found.clips == 2
    assert found.correlation == pytest.approx(1.0)
    assert found.correlation_per_clip == pytest.approx(1.0)


def test_lips_that_do_the_opposite_do_not() -> None:
    found = measure_listening([clip(0, -1.0)], loud)
    assert found is not None
    assert found.correlation == pytest.approx(-1.0)


def test_a_still_mouth_counts_as_nothing() -> None:
    found = measure_listening([clip(0)], lambda sound: faces(np.ones(75)))
    assert found is not None
    assert (found.correlation, found.correlation_per_clip) == (0.0, 0.0)
    assert measure_listening([], loud) is None
