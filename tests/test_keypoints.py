from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.keypoints import MOUTH, N_KEYPOINTS, REST, KeypointSpace, KeypointTrack
from jamflow_rt.errors import InvalidInput


class FlatMap:
    """Keypoints as the first landmarks."""

    neutral = np.zeros((478, 3), np.float32)

    def meshes(self, expressions: np.ndarray) -> np.ndarray:
        meshes = np.zeros((len(expressions), 478, 3), np.float32)
        meshes[:, :N_KEYPOINTS] = expressions
        return meshes

    def expressions(self, meshes: np.ndarray) -> np.ndarray:
        return meshes[:, :N_KEYPOINTS]


def track(frames: int, video: bool = False) -> KeypointTrack:
    rng = np.random.default_rng(0)

    def some(*shape: int) -> np.ndarray:
        return rng.normal(size=(frames, *shape)).astype(np.float32)

    return KeypointTrack(some(21, 3), some(3), some(2), np.exp(some()), video)


def space(of: KeypointTrack | None = None) -> KeypointSpace:
    rng = np.random.default_rng(1)
    mean, spread = rng.normal(size=12), rng.uniform(0.5, 2, size=12)
    made = KeypointSpace(mean.astype(np.float32), spread.astype(np.float32), FlatMap())
    return made if of is None else made.following(of)


def test_the_mouth_is_generated_and_the_rest_is_given() -> None:
    assert sorted(MOUTH + REST) == list(range(21))
    given_track = track(9)
    keypoints = space(given_track)
    assert keypoints.size == 12 and sum(group.size for group in keypoints.groups) == 12
    assert keypoints.given(2, 3).shape == (3, 51)
    latents = np.random.default_rng(2).normal(size=(3, 12)).astype(np.float32)
    faces = keypoints.decode(latents, 2)
    for offset, face in enumerate(faces):
        assert face.keypoints is not None
        frame = 2 + offset
        np.testing.assert_array_equal(
            face.keypoints.expression[list(REST)], given_track.expression[frame][list(REST)]
        )
        np.testing.assert_array_equal(
            keypoints.given(frame, 1)[0], face.keypoints.expression[list(REST)].ravel()
        )
        np.testing.assert_array_equal(face.rotation, given_track.rotation[frame])
        assert face.scale == pytest.approx(given_track.scale[frame])


def test_faces_come_back_as_the_latents_they_were() -> None:
    keypoints = space(track(4))
    latents = np.random.default_rng(3).normal(size=(5, 12)).astype(np.float32)
    faces = keypoints.decode(latents)
    np.testing.assert_allclose(keypoints.encode_faces(faces), latents, atol=1e-5)
    # A face of another space has a mesh only.
    meshes = [
        FaceState(face.landmarks, face.rotation, face.translation, face.scale) for face in faces
    ]
    np.testing.assert_allclose(keypoints.encode_faces(meshes), latents, atol=1e-5)


def test_at_rest_the_mouth_has_no_expression() -> None:
    keypoints = space()
    face = keypoints.decode(keypoints.rest[None])[0]
    assert face.keypoints is not None
    np.testing.assert_allclose(face.keypoints.expression, 0, atol=1e-6)


@given(st.integers(1, 12), st.integers(-30, 200), st.integers(1, 40))
def test_a_track_runs_to_its_end_and_back(frames: int, first: int, count: int) -> None:
    places = track(frames).frames(first, count)
    assert places.shape == (count,)
    assert places.min() >= 0 and places.max() < frames
    assert np.abs(np.diff(places)).max(initial=0) <= 1
    if 0 <= first < frames:
        assert places[0] == first


def test_pictures_of_a_video_are_named_those_of_a_photograph_are_not() -> None:
    latents = np.zeros((4, 12), np.float32)
    for video in (False, True):
        faces = space(track(6, video)).decode(latents, 1)
        frames = [face.keypoints.frame for face in faces if face.keypoints]
        assert frames == ([1, 2, 3, 4] if video else [0, 0, 0, 0])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidInput, match="wants \\(frames, 12\\)"):
        space().decode(np.zeros((4, 11), np.float32))
    with pytest.raises(InvalidInput, match="NaN"):
        space().decode(np.full((4, 12), np.nan, np.float32))
    good = track(3)
    with pytest.raises(InvalidInput, match="rotation has shape"):
        KeypointTrack(good.expression, good.rotation[:2], good.translation, good.scale)
    with pytest.raises(InvalidInput, match="at least one frame"):
        KeypointTrack(good.expression[:0], good.rotation[:0], good.translation[:0], good.scale[:0])
    with pytest.raises(InvalidInput, match=r"scale holds NaN"):
        KeypointTrack(good.expression, good.rotation, good.translation, good.scale * np.nan)


def test_a_space_is_what_it_was_after_saving(tmp_path: Path) -> None:
    made = space()
    made.save(tmp_path / "motion.safetensors")
    read = KeypointSpace.load(tmp_path / "motion.safetensors", FlatMap())
    np.testing.assert_array_equal(read.mean, made.mean)
    np.testing.assert_array_equal(read.std, made.std)
