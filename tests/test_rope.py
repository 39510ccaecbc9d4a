import torch

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.model.rope import audio_positions, motion_positions, rotate, rotation_table


def test_tokens_of_the_same_instant_get_the_same_rotation() -> None:
    audio = rotation_table(audio_positions(4 * BEAT_MEL), 64)
    motion = rotation_table(motion_positions(4 * BEAT_MOTION), 64)
    for beat in range(4):
        torch.testing.assert_close(audio[beat * BEAT_MEL], motion[beat * BEAT_MOTION])


def test_scores_depend_on_the_distance_in_time_only() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(2, 1, 1, 1, 64)
    table = rotation_table(torch.tensor([0.0, 7.5, 15.0, 22.5]), 64)

    def score(i: int, j: int) -> torch.Tensor:
        return (rotate(q, table[i : i + 1]) * rotate(k, table[j : j + 1])).sum()

    torch.testing.assert_close(score(0, 1), score(2, 3))
    torch.testing.assert_close(score(1, 0), score(3, 2))
    assert not torch.isclose(score(0, 1), score(1, 0))


def test_pairs_are_interleaved_as_in_f5() -> None:
    x = torch.zeros(1, 1, 1, 4)
    x[..., 0] = 1.0
    turned = rotate(x, rotation_table(torch.tensor([1.0]), 4))
    expected = torch.zeros(4)
    expected[0], expected[1] = torch.tensor(1.0).cos(), torch.tensor(1.0).sin()
    torch.testing.assert_close(turned.flatten(), expected)
