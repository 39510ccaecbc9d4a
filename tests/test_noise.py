import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.flow.noise import beat_noise, window_noise


@given(st.integers(0, 2**32), st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4))
def test_a_beats_noise_does_not_depend_on_the_window(
    seed: int, first: int, beats: int, later: int
) -> None:
    mel, motion = window_noise(seed, first, beats + later, 7)
    mel_b, motion_b = window_noise(seed, first + later, beats, 7)
    assert np.array_equal(mel[later * BEAT_MEL :], mel_b)
    assert np.array_equal(motion[later * BEAT_MOTION :], motion_b)


def test_noise_is_normal_and_differs_between_beats_and_seeds() -> None:
    mel, motion = window_noise(1, 0, 200, 26)
    assert abs(mel.mean()) < 0.01 and abs(mel.std() - 1) < 0.01
    assert abs(motion.mean()) < 0.03 and abs(motion.std() - 1) < 0.03
    assert not np.array_equal(beat_noise(1, 0, 3)[0], beat_noise(1, 1, 3)[0])
    assert not np.array_equal(beat_noise(1, 0, 3)[0], beat_noise(2, 0, 3)[0])
