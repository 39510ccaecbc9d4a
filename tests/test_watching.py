"""The faces of a video for models of either kind of motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.bundle import Bundle
from jamflow_rt.track.tracker import TrackedFace
from jamflow_rt.watching import faces_of_video
from tests.test_liveportrait_renderer import Crop, landmarks_of
from tests.toy_paper import save_paper_bundle
from tests.track_fakes import write_video


@pytest.mark.parametrize("networks", [True, False])
def test_where_liveportraits_networks_are_they_look(tmp_path: Path, networks: bool) -> None:
    video = write_video(tmp_path / "talk.mp4", [60, 90, 120, 150, 180, 210], size=(200, 200))
    crop = Crop(np.array([100, 100], np.float32), 190.0, 0.0)
    landmarks = np.repeat(landmarks_of(crop)[None], 6, 0)
    landmarks = np.concatenate([landmarks, np.zeros((6, 478, 1), np.float32)], axis=2)
    bundle = Bundle.load(save_paper_bundle(tmp_path / "bundle", faces=networks))
    faces = faces_of_video(bundle, video, TrackedFace(landmarks, np.ones(6, np.bool_)))
    assert len(faces) == 6 and all(face.landmarks.shape == (478, 3) for face in faces)
    expressions = [face.keypoints.expression for face in faces if face.keypoints]
    if not networks:
        assert not expressions
        return
    assert bundle.networks is not None
    # What the motion extractor sees, all 21 keypoints of it.
    from jamflow_rt.render.liveportrait.source import video_source
    from jamflow_rt.track.pictures import pictures_at_our_rate

    shown = pictures_at_our_rate(video, 6)
    seen = video_source(bundle.networks, shown, landmarks, "talk").motion.expression
    np.testing.assert_allclose(np.stack(expressions), seen.numpy(), atol=1e-5)
