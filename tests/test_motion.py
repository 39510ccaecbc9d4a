from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.codec.alignment import Pose, align, place
from jamflow_rt.codec.motion import POSE_SIZE, MotionSpace
from jamflow_rt.errors import InvalidInput
from tests.toy import toy_space

SPACE = toy_space()


def test_zero_is_the_average_and_rest_is_at_rest() -> None:
    np.testing.assert_allclose(
        SPACE.meshes(np.zeros((1, SPACE.size), np.float32))[0], SPACE.average
    )
    face = SPACE.decode(SPACE.rest[None])[0]
    np.testing.assert_allclose(face.landmarks, SPACE.neutral)
    assert face.inner_lip_gap() < 0.1  # closed, where the eye corners are 8.8 apart
    assert not face.rotation.any() and not face.translation.any() and face.scale == 1.0


def test_encoding_inverts_decoding() -> None:
    latents = np.random.default_rng(0).standard_normal((5, SPACE.size)).astype(np.float32)
    pose = latents[:, -6:] * SPACE.pose_std + SPACE.pose_mean
    np.testing.assert_allclose(
        SPACE.encode(SPACE.meshes(latents), pose), latents, rtol=1e-2, atol=2e-3
    )


def test_the_mouth_does_not_move_the_eyes_nor_the_eyes_the_mouth() -> None:
    lids, lips = [159, 145, 386, 374], [13, 14, 78, 308]
    assert np.abs(SPACE.mouth[:, lids]).max() < 1e-6
    assert np.abs(SPACE.eyes[:, lips]).max() < 1e-6
    assert np.abs(SPACE.mouth[:, lips]).max() > 0.1
    assert np.abs(SPACE.eyes[:, lids]).max() > 0.05


@pytest.mark.parametrize("bad", [np.zeros(26), np.zeros((2, 3)), np.full((1, SPACE.size), np.nan)])
def test_motion_that_does_not_fit_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="Motion"):
        SPACE.decode(bad.astype(np.float32))


def test_saving_and_loading(tmp_path: Path) -> None:
    SPACE.save(tmp_path / "motion.safetensors")
    loaded = MotionSpace.load(tmp_path / "motion.safetensors")
    assert loaded.groups == SPACE.groups
    np.testing.assert_array_equal(loaded.mouth, SPACE.mouth)


def test_alignment_takes_the_pose_out_and_place_puts_it_back() -> None:
    random = np.random.default_rng(0)
    latents = random.standard_normal((6, SPACE.size)).astype(np.float32)
    latents[:, len(SPACE.mouth) : -6] = 0  # the rigid landmarks at rest
    meshes = SPACE.meshes(latents)
    pose = Pose(
        rotation=random.uniform(-0.3, 0.3, (6, 3)).astype(np.float32),
        translation=random.uniform(50, 200, (6, 3)).astype(np.float32),
        scale=random.uniform(5, 15, 6).astype(np.float32),
    )
    placed = place(meshes, pose)
    canonical, found = align(placed, SPACE.average)
    np.testing.assert_allclose(place(canonical, found), placed, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(found.scale, pose.scale, rtol=2e-2)
    np.testing.assert_allclose(found.rotation, pose.rotation, atol=2e-2)


def test_a_steady_head_trembles_less_and_the_face_is_left_alone() -> None:
    space = toy_space()
    random = np.random.default_rng(0)
    latents = random.standard_normal((40, space.size)).astype(np.float32)
    latents[:, -POSE_SIZE:] += np.linspace(0, 20, 40, dtype=np.float32)[:, None]
    calm = space.steady(latents)
    np.testing.assert_array_equal(calm[:, :-POSE_SIZE], latents[:, :-POSE_SIZE])
    before, after = (np.abs(np.diff(m[:, -POSE_SIZE:], 2, axis=0)).mean() for m in (latents, calm))
    assert after < before / 5
    middle = slice(8, -8)
    assert np.abs(calm[middle, -POSE_SIZE:] - latents[middle, -POSE_SIZE:]).mean() < 1.2
