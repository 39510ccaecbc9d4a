"""LivePortrait's keypoint formulas, against what they mean and against slow arithmetic."""

import math

import numpy as np
import torch
from torch import Tensor

from jamflow_rt.render.liveportrait.keypoints import (
    KeypointMotion,
    Placement,
    degrees,
    placed,
    relative,
    rotation,
    stitched,
)


def _motion(seed: int, batch: int = 2) -> KeypointMotion:
    made = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=made)

    angles = [20 * normal() for _ in range(3)]
    return KeypointMotion(*angles, normal(3), normal(21, 3), 1 + normal(1).abs(), normal(21, 3))


def test_bins_are_three_degrees_wide_and_begin_below_minus_97() -> None:
    logits = torch.full((3, 66), -1e4)
    logits[0, 0] = logits[1, 32] = logits[1, 33] = logits[2, 65] = 0.0
    assert torch.allclose(degrees(logits), torch.tensor([-97.5, 0.0, 97.5]), atol=1e-4)


def test_rotation_is_the_transposed_product_of_turns_about_z_y_and_x() -> None:
    pitch, yaw, roll = (math.radians(angle) for angle in (10.0, -25.0, 40.0))
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_z = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    found = rotation(*(torch.tensor([angle]) for angle in (10.0, -25.0, 40.0)))
    assert np.allclose(found[0].numpy(), (about_z @ about_y @ about_x).T, atol=1e-6)


def test_keypoints_are_turned_then_moved_then_scaled_and_shifted_without_depth() -> None:
    motion = _motion(1)
    turned = rotation(motion.pitch, motion.yaw, motion.roll)
    x = motion.placed()
    for b in range(2):
        for k in (0, 7, 20):
            expected = motion.keypoints[b, k] @ turned[b] + motion.expression[b, k]
            expected = expected * motion.scale[b]
            expected[:2] += motion.t[b, :2]
            assert torch.allclose(x[b, k], expected, atol=1e-5)


def test_a_driving_face_that_does_not_move_leaves_the_source_where_it_is() -> None:
    source, driving = _motion(2), _motion(3).placement()
    moved = relative(source.placement(), driving, driving)
    assert torch.allclose(placed(source.keypoints, moved), source.placed(), atol=1e-4)


def test_relative_motion_adds_turns_multiplies_scales_and_adds_the_rest() -> None:
    source, driving, first = (_motion(seed).placement() for seed in (4, 5, 6))
    moved = relative(source, driving, first)
    assert torch.allclose(
        moved.rotation @ source.rotation.mT @ first.rotation, driving.rotation, atol=1e-5
    )
    assert torch.allclose(moved.scale * first.scale, source.scale * driving.scale, atol=1e-5)
    assert torch.allclose(moved.t - source.t, driving.t - first.t, atol=1e-6)
    assert torch.allclose(
        moved.expression - source.expression, driving.expression - first.expression, atol=1e-6
    )


def test_a_correction_moves_each_keypoint_and_all_in_x_and_y() -> None:
    x_d = torch.zeros(1, 21, 3)
    correction = torch.zeros(1, 65)
    correction[0, 3 * 4 + 2] = 0.5
    correction[0, 63], correction[0, 64] = 0.25, -1.0
    moved = stitched(x_d, correction)
    assert torch.equal(moved[0, 4], torch.tensor([0.25, -1.0, 0.5]))
    assert torch.equal(moved[0, 20], torch.tensor([0.25, -1.0, 0.0]))


def test_a_placement_of_one_serves_a_whole_batch() -> None:
    motion = _motion(9)
    one = Placement(*(part[:1] for part in motion.placement()))
    both = placed(motion.keypoints, one)
    assert torch.allclose(both[1:], placed(motion.keypoints[1:], one))
