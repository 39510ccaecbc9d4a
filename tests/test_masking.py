import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.flow.masking import TASKS, draw_pattern, draw_task


@given(st.integers(0, 10_000), st.sampled_from(sorted(TASKS)), st.integers(2, 17))
def test_every_task_is_a_pattern_of_whole_beats(seed: int, task: str, beats: int) -> None:
    pattern = draw_pattern(np.random.default_rng(seed), task, beats, groups=3)
    mel = pattern.mel.reshape(beats, BEAT_MEL)
    motion = pattern.motion.reshape(beats, BEAT_MOTION, 3)
    assert (mel == mel[:, :1]).all()
    assert (motion == motion[:, :1]).all()
    if task == "listen":
        assert not mel.any()
        assert motion[-1, 0, 0]
    if task == "dub":
        # All of the motion is known, or nothing is known at all.
        assert not motion.any() or (pattern.text_dropped and motion.all() and mel.all())
        assert mel[-1].all()
    if task == "continue":  # a clean prefix of both, the rest of both is generated
        first = int(np.argmax(mel[:, 0]))
        assert mel[first:].all() and motion[first:, :, 0].all()
        assert not mel[:first].any() and not motion[:first].any()
    if task == "infill":
        assert mel[:, 0].sum() >= round(0.7 * beats)
        assert np.abs(np.diff(np.r_[0, mel[:, 0].astype(int), 0])).sum() == 2  # one span


def test_the_mouth_is_generated_whenever_any_motion_is() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        pattern = draw_pattern(random, "infill", 9, groups=3)
        assert pattern.motion[:, 0].any()


def test_tasks_come_in_their_shares() -> None:
    random = np.random.default_rng(0)
    drawn = [draw_task(random) for _ in range(4000)]
    for task, share in TASKS.items():
        assert abs(drawn.count(task) / 4000 - share) < 0.03


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(KeyError, match="sing"):
        draw_pattern(np.random.default_rng(0), "sing", 4, 1)
