from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.bundle import EMBEDDED
from jamflow_rt.codec.keypoint_map import load_mesh_map
from jamflow_rt.codec.motion import MotionSpace

SPACE = MotionSpace.load(EMBEDDED / "motion.safetensors")
MAP = load_mesh_map()


def some_meshes(count: int = 50) -> np.ndarray:
    latents = np.random.default_rng(0).normal(size=(count, SPACE.size)).astype(np.float32)
    return SPACE.meshes(latents)


def test_a_face_at_rest_has_no_expression() -> None:
    assert np.abs(MAP.expressions(SPACE.neutral[None])).max() == 0
    np.testing.assert_allclose(MAP.meshes(np.zeros((1, 21, 3), np.float32))[0], SPACE.neutral)


def test_opening_the_lips_moves_keypoints_as_the_templates_do() -> None:
    mesh = SPACE.neutral.copy()
    mesh[14, 1] += 1.0  # the lower lip down
    mesh[13, 1] -= 0.5
    expression = MAP.expressions(mesh[None])[0]
    assert expression[19, 1] == pytest.approx(0.080) and expression[20, 1] < 0


def test_closing_the_eyes_moves_the_lids() -> None:
    mesh = SPACE.neutral.copy()
    mesh[[159, 386], 1] += 0.9
    expression = MAP.expressions(mesh[None])[0]
    assert expression[11, 1] == pytest.approx(0.0144) and expression[15, 1] > 0
    assert not expression[[14, 17, 19, 20]].any()


def test_an_expression_comes_back_from_its_mesh() -> None:
    expressions = MAP.expressions(some_meshes())
    again = MAP.expressions(MAP.meshes(expressions))
    np.testing.assert_allclose(again, expressions, atol=2e-4)


def test_a_mesh_that_is_made_of_an_expression_is_a_face() -> None:
    meshes = some_meshes()
    moved = np.linalg.norm(MAP.meshes(MAP.expressions(meshes)) - SPACE.neutral, axis=-1)
    # No landmark goes further than faces of the space do.
    assert moved.max() < 1.5 * np.linalg.norm(meshes - SPACE.neutral, axis=-1).max()


def test_speech_moves_the_keypoints_about_as_far_as_in_the_templates() -> None:
    spread = MAP.expressions(some_meshes(400)).std(0)
    assert 0.012 < spread[19, 1] < 0.05
    assert 0.001 < spread[20, 1] < 0.017
