from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.codec.alignment import Pose, place
from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.motion_space import LIPS, fit_motion_space, reference_mesh, to_clip
from jamflow_rt.train.prepare import (
    TrackedVideo,
    build_motion,
    read_space,
    read_transcripts,
    silent_frames,
)
from tests.toy import toy_space

SPACE = toy_space()
BROWS = len(SPACE.mouth) + len(SPACE.eyes)


def tracked(frames: int, seed: int) -> np.ndarray:
    """A face that speaks and nods, in pixels."""
    random = np.random.default_rng(seed)
    walk = np.cumsum(random.normal(0, 0.5, (frames, SPACE.size)), axis=0)
    latents = (walk - walk.mean(0)).astype(np.float32)
    latents = latents / (latents.std(0) + 1e-6)
    latents[:, BROWS] = 0  # as a speaker who keeps them still
    turn = np.outer(np.sin(np.arange(frames) / 9), [0.05, 0.1, 0.02])
    pose = Pose(
        turn.astype(np.float32),
        np.tile([128.0, 120.0, 0.0], (frames, 1)).astype(np.float32),
        np.full(frames, 9.0, np.float32),
    )
    return place(SPACE.meshes(latents), pose)


def test_a_space_learned_from_tracked_faces_reproduces_them() -> None:
    clips = [tracked(120, seed) for seed in range(3)]
    canonical = SPACE.average[:468] * np.array([1, -1, -1], np.float32)
    reference = reference_mesh(canonical, np.concatenate(clips))
    silent = np.zeros(120, bool)
    silent[:30] = True
    prepared = [to_clip(clip, silent, reference) for clip in clips]
    space = fit_motion_space(prepared)
    meshes, pose = prepared[0].meshes, prepared[0].pose
    latents = space.encode(meshes, pose)
    error = np.linalg.norm(space.meshes(latents) - meshes, axis=-1)
    assert error[:, LIPS].mean() < 0.05  # the eyes' corners are 8.8 apart
    everything = np.concatenate([space.encode(c.meshes, c.pose) for c in prepared])
    np.testing.assert_allclose(np.delete(everything, BROWS, 1).std(0), 1.0, atol=0.35)
    assert abs(np.corrcoef(pose[:, 1], np.sin(np.arange(120) / 9))[0, 1]) > 0.95


def test_clips_can_be_encoded_in_a_space_that_is_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody speaks here: an aligner that finds nothing.
    monkeypatch.setattr("jamflow_rt.train.prepare.ForcedAligner", lambda: lambda sound, words: None)
    landmarks = tracked(80, seed=4)
    video = TrackedVideo(landmarks, np.ones(80, bool), np.zeros(80 * 960, np.float32))
    canonical = SPACE.average[:468] * np.array([1, -1, -1], np.float32)
    space = build_motion({"one": video}, {"one": [(0, 3.2, "sil")]}, canonical, tmp_path, SPACE)
    assert space is SPACE
    np.testing.assert_array_equal(read_space(tmp_path / "motion.safetensors").mouth, SPACE.mouth)
    clip = to_clip(landmarks, np.ones(80, bool), SPACE.average)
    with np.load(tmp_path / "clips" / "one.npz") as file:
        np.testing.assert_allclose(file["latents"], SPACE.encode(clip.meshes, clip.pose), atol=1e-4)


def test_a_file_that_is_no_motion_space_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"gone\.safetensors is no motion space"):
        read_space(tmp_path / "gone.safetensors")


def test_too_little_video_is_refused() -> None:
    clip = to_clip(tracked(50, 0), np.ones(50, bool), SPACE.average)
    with pytest.raises(InvalidInput, match="50 frames"):
        fit_motion_space([clip])


def test_silence_keeps_a_margin_to_speech() -> None:
    silent = silent_frames([(0.0, 1.0, "sil"), (1.0, 2.0, "blue"), (2.0, 3.0, "sil")], 75)
    assert silent[5:20].all() and silent[56:70].all()
    assert not silent[22:53].any()


def test_a_broken_alignment_file_is_named(tmp_path) -> None:
    path = tmp_path / "align.json"
    path.write_text('{"clip": [[1, 2]]}')
    with pytest.raises(InvalidInput, match=r"align\.json is no word alignment"):
        read_transcripts(path)
    with pytest.raises(InvalidInput, match="missing"):
        read_transcripts(tmp_path / "missing.json")
