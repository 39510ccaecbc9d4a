from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch

from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.pictures import PictureGallery, PictureJudges, frames_of
from jamflow_rt.evaluate.syncnet import Lse, SyncNet
from jamflow_rt.evaluate.take import Take
from jamflow_rt.record import record
from jamflow_rt.stream.media import Frame
from jamflow_rt.text.timeline import PhonemeSpan


def face(gap: float) -> FaceState:
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[14, 1] = gap
    return FaceState(landmarks, np.zeros(3, np.float32), np.zeros(2, np.float32), 1.0)


def take(frames: int = 40) -> Take:
    return Take(
        "Bee.",
        np.random.default_rng(0).normal(0, 0.1, frames * 960).astype(np.float32),
        faces=tuple(face(float(index >= 4)) for index in range(frames)),
        phonemes=(PhonemeSpan("b", 0, 8), PhonemeSpan("i", 60, 150)),
    )


class GapInGrey:
    """Draws a picture as bright as the lips are open."""

    size = 64

    def render(self, face: FaceState) -> np.ndarray:
        return np.full((64, 64, 3), 200 * face.inner_lip_gap(), np.uint8)

    def landmarks(self, face: FaceState) -> np.ndarray:
        points = np.full((478, 2), 20, np.float32)
        points[0] = 44
        points[14, 1] += face.inner_lip_gap()
        return points


class GreyTracker:
    """Finds lips as far open as the video is bright."""

    def track(self, path: Path) -> SimpleNamespace:
        with av.open(str(path)) as video:
            grey = [f.to_ndarray(format="rgb24").mean() for f in video.decode(video=0)]
        landmarks = np.zeros((len(grey), 478, 3), np.float32)
        landmarks[:, 14, 0] = grey
        return SimpleNamespace(landmarks=landmarks)


def grey_frames(count: int) -> Iterator[Frame]:
    return frames_of(take(count), (np.full((64, 64, 3), 99, np.uint8) for _ in range(count)))


def test_a_tracker_sees_the_lips_in_the_video_file() -> None:
    gallery = PictureGallery(PictureJudges(tracker=GreyTracker()), GapInGrey())
    gallery.show(take())
    lips = gallery.scores().lips
    assert lips is not None
    assert (lips.closed, lips.chance, lips.above_chance) == (1.0, 0.0, 1.0)
    assert gallery.scores().sync is not None


def test_syncnet_is_shown_the_face_and_the_errors_are_averaged() -> None:
    class Fake(SyncNet):
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)

        def measure(self, faces: np.ndarray, sound: np.ndarray) -> Lse | None:
            assert faces.shape == (len(sound) // 960, 224, 224, 3)
            return Lse(7.0, len(faces)) if len(faces) > 5 else None

    gallery = PictureGallery(PictureJudges(syncnet=Fake()), GapInGrey())
    for frames in (4, 20, 40):
        gallery.show(take(frames))
    assert gallery.scores().lse == Lse(7.0, 30.0)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_distances_to_the_reference(tmp_path: Path) -> None:
    from tests.test_evaluate_frechet import I3d, Inception

    weights, reference = tmp_path / "weights", tmp_path / "reference"
    weights.mkdir()
    reference.mkdir()
    torch.jit.script(Inception()).save(str(weights / "inception-2015-12-05.pt"))
    torch.jit.script(I3d()).save(str(weights / "i3d_torchscript.pt"))
    record(grey_frames(40), reference / "a.mp4")
    judges = PictureJudges.load(weights, reference, None)
    assert set(judges.needs) == {"tracked", "lse"}
    gallery = PictureGallery(judges, GapInGrey())
    gallery.show(take())
    found = gallery.scores()
    assert found.frame_distance is not None and found.frame_distance > 1000
    assert found.clip_distance is not None and found.clip_distance > 0


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    judges = PictureJudges.load(None, None, None)
    assert judges.idle
    assert set(judges.needs) == {"tracked", "lse", "fid", "fvd"}
    assert "syncnet_v2.model" in judges.needs["lse"] and "52 MB" in judges.needs["lse"]
    gallery = PictureGallery(judges, GapInGrey())
    gallery.show(take())
    assert gallery.scores().lips is None and gallery.scores().lse is None
    (tmp_path / "inception-2015-12-05.pt").write_bytes(b"never opened without a reference")
    assert "--reference" in PictureJudges.load(tmp_path, None, None).needs["fid"]
    with pytest.raises(InvalidInput, match="no folder"):
        PictureJudges.load(tmp_path / "gone", None, None)
