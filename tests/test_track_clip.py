from __future__ import annotations

import numpy as np

from jamflow_rt.codec.alignment import Pose, place
from jamflow_rt.track.clip import face_clip, into_space
from tests.toy import toy_space

SPACE = toy_space()
FRAMES = 100


def spoken(seed: int = 0) -> np.ndarray:
    """Latents of a mouth that moves smoothly and rests at times."""
    random = np.random.default_rng(seed)
    latents = SPACE.rest[None].repeat(FRAMES, axis=0)
    walk = np.cumsum(random.normal(0, 0.4, (FRAMES, len(SPACE.mouth))), axis=0)
    # Open where it speaks, the same as at rest for the first third.
    speaks = np.clip((np.arange(FRAMES) - FRAMES / 3) / 10, 0, 1)[:, None]
    latents[:, : len(SPACE.mouth)] += (walk * speaks).astype(np.float32)
    return latents


def filmed(meshes: np.ndarray) -> np.ndarray:
    """Landmarks in pixels, with a head that turns."""
    turn = np.outer(np.sin(np.arange(FRAMES) / 9), [0.05, 0.1, 0.02]).astype(np.float32)
    shift = np.tile(np.float32([300, 200, 0]), (FRAMES, 1))
    return place(meshes, Pose(turn, shift, np.full(FRAMES, 12.0, np.float32)))


def test_the_head_is_taken_out_of_the_face() -> None:
    clip = face_clip(filmed(SPACE.meshes(spoken())), SPACE.neutral)
    assert clip.meshes.shape == (FRAMES, 478, 3) and clip.pose.shape == (FRAMES, 6)
    expected = SPACE.meshes(spoken())
    assert np.abs(clip.meshes - expected).mean() < 0.05
    turn = np.sin(np.arange(FRAMES) / 9)
    assert np.corrcoef(clip.pose[:, 1], turn)[0, 1] > 0.99


def test_another_face_gives_the_same_motion() -> None:
    latents = spoken()
    meshes = SPACE.meshes(latents)
    # A wider mouth, a longer chin, another size of the picture.
    other = meshes + np.random.default_rng(1).normal(0, 0.2, (478, 3)).astype(np.float32)
    mouth = np.s_[:, : len(SPACE.mouth)]
    mine = into_space(filmed(meshes), SPACE)[mouth]
    theirs = into_space(filmed(other), SPACE)[mouth]
    # Smoothing takes a little of the fastest motion in both.
    speaking = latents[mouth] - SPACE.rest[None, : len(SPACE.mouth)]
    for found in (mine, theirs):
        moved = found - found[:20].mean(0)
        assert np.corrcoef(moved.ravel(), speaking.ravel())[0, 1] > 0.97
    assert np.abs(mine - theirs).mean() < 0.4
