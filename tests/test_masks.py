import torch

from jamflow_rt.beats import MEL_PER_MOTION, MEL_RATE
from jamflow_rt.model.masks import joint_masks, motion_self_mask

MOTION, AUDIO, SECONDS = 8, 30, 0.1
REACH = SECONDS * MEL_RATE  # 9.375 mel frames


def test_motion_rows_see_motion_and_audio_within_the_band() -> None:
    rows, _ = joint_masks(AUDIO, MOTION, SECONDS)
    for i in range(MOTION):
        for j in range(MOTION):
            assert rows[i, j] == (abs(i - j) * MEL_PER_MOTION <= REACH)
        for j in range(AUDIO):
            assert rows[i, MOTION + j] == (abs(i * MEL_PER_MOTION - j) <= REACH)


def test_audio_rows_see_all_audio_and_near_motion() -> None:
    _, rows = joint_masks(AUDIO, MOTION, SECONDS)
    assert rows[:, MOTION:].all()
    for i in range(AUDIO):
        for j in range(MOTION):
            assert rows[i, j] == (abs(i - j * MEL_PER_MOTION) <= REACH)


def test_the_motion_band_is_the_same_in_both_halves() -> None:
    rows, _ = joint_masks(AUDIO, MOTION, SECONDS)
    assert torch.equal(rows[:, :MOTION], motion_self_mask(MOTION, SECONDS))
