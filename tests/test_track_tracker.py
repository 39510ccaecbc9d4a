from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.track.tracker import Tracker
from tests.track_fakes import BLACK, GREY, WHITE, fake_mediapipe, write_video


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tracker:
    monkeypatch.setitem(sys.modules, "mediapipe", fake_mediapipe())
    model = tmp_path / "face_landmarker.task"
    model.touch()
    return Tracker(model)


@pytest.mark.parametrize("rate", [25, 30, 50, 24])
def test_any_rate_becomes_25_a_second(tracker: Tracker, tmp_path: Path, rate: int) -> None:
    # The face moves evenly across the picture.
    greys = [60 + round(100 * n / rate) for n in range(rate)]
    face = tracker.track(write_video(tmp_path / "a.mp4", greys, rate))
    assert face.landmarks.shape == (25, 478, 3) and face.landmarks.dtype == np.float32
    assert face.seen.all()
    # To where there are pictures; the last one stands.
    moving = np.arange(24) / 25
    x = (60 + 100 * moving) / 255 * 64
    np.testing.assert_allclose(face.landmarks[:24, 0, 0], x, atol=1.0)
    np.testing.assert_allclose(face.landmarks[:, :, 1], 24.0)


def test_where_no_face_is_seen_it_goes_straight_on(tracker: Tracker, tmp_path: Path) -> None:
    greys = [100] * 5 + [BLACK] * 5 + [200] * 5
    face = tracker.track(write_video(tmp_path / "a.mp4", greys))
    assert face.seen.tolist() == [True] * 5 + [False] * 5 + [True] * 5
    steps = np.diff(face.landmarks[4:11, 0, 0])
    np.testing.assert_allclose(steps, steps[0], rtol=1e-3)
    assert steps[0] > 1


def test_no_face_and_several_are_errors(tracker: Tracker, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"No face was found in a\.mp4"):
        tracker.track(write_video(tmp_path / "a.mp4", [BLACK] * 10))
    with pytest.raises(InvalidInput, match=r"b\.mp4 shows more than one face"):
        tracker.track(write_video(tmp_path / "b.mp4", [WHITE] * 10))


def test_somebody_who_passes_by_is_no_error(tracker: Tracker, tmp_path: Path) -> None:
    greys = [GREY] * 60 + [WHITE] * 30
    assert len(tracker.track(write_video(tmp_path / "a.mp4", greys)).seen) == 90


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", fake_mediapipe())
    with pytest.raises(InvalidInput, match=r"gone\.task is not there"):
        Tracker(tmp_path / "gone.task")
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(NotSupported, match=r"jamflow-rt\[portrait\]"):
        Tracker(tmp_path / "gone.task")
