from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.codec.face import N_LANDMARKS, FaceState
from jamflow_rt.stream.manner import NEARER, NOD, TILT, Manner

FACE = FaceState(
    np.zeros((N_LANDMARKS, 3), np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32), 1.0
)


def test_without_reason_the_face_is_left_as_it_is() -> None:
    manner = Manner()
    assert all(manner.pose(FACE) is FACE for _ in range(10))


def test_listening_comes_and_goes_softly() -> None:
    manner = Manner()
    manner.listening = True
    coming = [manner.pose(FACE).scale for _ in range(60)]
    assert coming == sorted(coming)
    assert coming[-1] == pytest.approx(1 + NEARER, abs=1e-4)
    assert max(np.diff(coming, prepend=1.0)) < NEARER / 8
    assert manner.pose(FACE).rotation[2] == pytest.approx(TILT, rel=0.01)
    manner.listening = False
    going = [manner.pose(FACE).scale for _ in range(80)]
    assert going == sorted(going, reverse=True)
    assert manner.pose(FACE) is FACE


def test_a_nod_goes_down_twice_and_ends_where_it_began() -> None:
    manner = Manner()
    manner.nod()
    manner.nod()
    pitch = [float(manner.pose(FACE).rotation[0]) for _ in range(40)]
    peaks = [b for a, b, c in zip(pitch, pitch[1:], pitch[2:], strict=False) if a < b >= c > 0]
    assert peaks == pytest.approx([NOD, NOD / 2], rel=0.05)
    assert pitch[0] < NOD / 4
    assert not any(pitch[23:])
