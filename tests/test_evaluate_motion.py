from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.codec.face import FaceState
from jamflow_rt.evaluate.motion import measure_motion
from jamflow_rt.render.topology import EYES
from tests.toy import toy_space

NEUTRAL = toy_space().neutral


def faces(gaps: np.ndarray, turns: np.ndarray, shut: tuple[int, ...] = ()) -> list[FaceState]:
    made = []
    for n, (gap, turn) in enumerate(zip(gaps, turns, strict=True)):
        mesh = NEUTRAL.copy()
        mesh[14] = mesh[13] + [0, gap, 0]
        if n in shut:
            for eye in EYES:
                mesh[eye.upper] = mesh[eye.lower]
        rotation = np.array([0, turn, 0], np.float32)
        made.append(FaceState(mesh, rotation, np.zeros(2, np.float32), 1.0))
    return made


def test_a_steady_ramp_is_smooth() -> None:
    ramp = np.linspace(0, 1, 26)
    found = measure_motion([faces(ramp, np.radians(10 * ramp))])
    assert found is not None
    assert found.lip_speed == pytest.approx(1.0, rel=0.01)
    assert found.lip_range == pytest.approx(0.8, rel=0.02)
    assert found.head_speed == pytest.approx(10.0, rel=0.01)
    assert found.lip_roughness == pytest.approx(0.0, abs=1e-3)
    assert found.head_roughness == pytest.approx(0.0, abs=1e-3)
    assert found.blinks == 0


def test_a_zigzag_is_rough() -> None:
    zigzag = np.tile([0.0, 1.0], 20)
    found = measure_motion([faces(zigzag, zigzag)])
    assert found is not None
    assert found.lip_roughness == pytest.approx(2.0, rel=0.01)
    assert found.head_roughness == pytest.approx(2.0, rel=0.01)


def test_blinks_are_counted_a_minute() -> None:
    still = np.full(100, 0.5)
    found = measure_motion([faces(still, still, shut=(10, 11, 12, 60)), faces(still, still)])
    assert found is not None
    assert found.blinks == pytest.approx(2 * 60 * 25 / 200)


def test_nothing_to_measure() -> None:
    assert measure_motion([]) is None
    assert measure_motion([faces(np.zeros(3), np.zeros(3))]) is None
