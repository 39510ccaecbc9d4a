from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from jamflow_rt.cli import app
from jamflow_rt.codec.alignment import Pose, place
from jamflow_rt.errors import NotSupported
from jamflow_rt.sound_file import read_sound
from jamflow_rt.track.tracker import TrackedFace, Tracker
from tests.toy import save_toy_bundle, toy_space
from tests.track_fakes import BLACK, GREY, fake_mediapipe, write_video

TEXT = "Hi there."


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    save_toy_bundle(folder)
    return folder


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setitem(sys.modules, "mediapipe", fake_mediapipe())
    path = tmp_path / "face_landmarker.task"
    path.touch()
    return path


def dub(video: Path, out: Path, *options: object, text: str = TEXT) -> Result:
    arguments = ["dub", video, "--text", text, "-o", out, *options]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def a_face(tracker: Tracker, path: Path, longest: float | None = None) -> TrackedFace:
    """A mouth that opens and closes for 2 s."""
    space = toy_space()
    latents = space.rest[None].repeat(50, axis=0)
    latents[:, 0] += 2 * np.sin(np.arange(50) / 3).astype(np.float32)
    pose = Pose(
        np.zeros((50, 3), np.float32), np.zeros((50, 3), np.float32), np.full(50, 9.0, np.float32)
    )
    return TrackedFace(place(space.meshes(latents), pose), np.ones(50, np.bool_))


def test_a_video_gets_another_speech(
    bundle: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tracker, "track", a_face)
    video = write_video(tmp_path / "talk.mp4", [GREY] * 50)
    out = tmp_path / "out.mp4"
    result = dub(video, out, "--landmarker", model, "--model", bundle, "--voice", "toy")
    assert result.exit_code == 0, result.stderr
    assert "out.mp4: 2.0 s" in result.stderr.replace("\n", "")
    with av.open(str(out)) as container:
        assert container.streams.video[0].frames == 50
    sound = read_sound(out)
    assert len(sound) / 24_000 == pytest.approx(2.0, abs=0.09)
    assert sound.std() > 1e-4


def test_what_is_wrong_is_one_line_and_exit_code_2(
    bundle: Path, model: Path, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "talk.mp4", [GREY] * 10 + [BLACK] * 15)
    dark = write_video(tmp_path / "dark.mp4", [BLACK] * 10)
    with_model = ("--landmarker", model, "--model", bundle)
    out = tmp_path / "out.mp4"
    for result, complaint in (
        (dub(video, tmp_path / "out.wav", *with_model), "needs .mp4"),
        (dub(tmp_path / "gone.mp4", out, *with_model), "no video"),
        (dub(video, out, *with_model, text="…"), "nothing to say"),
        (dub(video, out, "--landmarker", tmp_path / "gone.task"), "gone.task is not there"),
        (dub(dark, out, *with_model), "No face was found in dark.mp4"),
        (dub(video, out, *with_model), "seen in 40% of it only"),
    ):
        assert result.exit_code == 2
        assert complaint in result.stderr.replace("\n", " ")
        assert "Traceback" not in result.stderr
    assert not out.exists()


def test_without_mediapipe_it_says_what_to_install(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    video = write_video(tmp_path / "talk.mp4", [GREY] * 5)
    result = dub(video, tmp_path / "out.mp4", "--landmarker", model)
    assert result.exit_code == 1
    assert "jamflow-rt[portrait]" in result.stderr.replace("\n", "")
    assert isinstance(result.exception, SystemExit | NotSupported)
