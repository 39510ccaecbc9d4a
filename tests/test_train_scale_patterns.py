import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.flow.masking import MaskPattern
from jamflow_rt.train.scale.patterns import pattern_of
from jamflow_rt.train.scale.recipe import SpanMasks, StreamMask, TaskMasks, load_recipe

COUNT = 4000
BEATS = 20


def drawn(masks: SpanMasks | TaskMasks, groups: int = 1) -> list[MaskPattern]:
    random = np.random.default_rng(0)
    return [pattern_of(masks, random, BEATS, groups) for _ in range(COUNT)]


def share(values: list[bool]) -> float:
    return float(np.mean(values))


def near(measured: float, wanted: float) -> bool:
    return abs(measured - wanted) < 0.03


def test_spans_are_as_long_as_the_recipe_says_anywhere_and_independent() -> None:
    masks = SpanMasks(audio=StreamMask(), motion=StreamMask(span=(0.2, 0.5)))
    patterns = drawn(masks)
    mel = np.stack([p.mel for p in patterns])
    motion = np.stack([p.motion[:, 0] for p in patterns])
    for masked, low, high in ((mel, 0.7, 1.0), (motion, 0.2, 0.5)):
        shares = masked.mean(1)
        assert low - 0.01 <= shares.min() and shares.max() <= high + 0.01
        assert near(shares.mean(), (low + high) / 2)
        # One span each: it begins and ends once.
        assert (np.abs(np.diff(masked, axis=1, prepend=0, append=0).astype(int)).sum(1) == 2).all()
    assert abs(np.corrcoef(mel.mean(1), motion.mean(1))[0, 1]) < 0.05
    assert abs(np.corrcoef(mel.argmax(1), motion.argmax(1))[0, 1]) < 0.05
    assert motion[:, 0].any() and motion[:, -1].any()
    assert not any(p.text_dropped for p in patterns)


def test_drops_come_in_the_rates_of_the_recipe() -> None:
    masks = SpanMasks(
        audio=StreamMask(span=(0.5, 0.5), drop=0.3),
        motion=StreamMask(span=(0.5, 0.5), drop=0.1),
        text_drop=0.25,
        cond_drop=0.2,
    )
    patterns = drawn(masks)
    assert near(share([p.mel.all() for p in patterns]), 1 - 0.7 * 0.8)
    assert near(share([p.motion.all() for p in patterns]), 1 - 0.9 * 0.8)
    assert near(share([p.text_dropped for p in patterns]), 1 - 0.75 * 0.8)
    nothing = [p.mel.all() and p.motion.all() and p.text_dropped for p in patterns]
    assert near(share(nothing), 0.2 + 0.8 * 0.3 * 0.1 * 0.25)


def test_the_papers_recipes_draw_f5s_rates_and_every_task() -> None:
    masks = load_recipe("paper_stage2").masks
    assert isinstance(masks, SpanMasks)
    patterns = drawn(masks)
    known_sound = [not p.mel.any() for p in patterns]
    known_motion = [not p.motion.any() for p in patterns]
    left = (1 - masks.audio.drop) * (1 - masks.cond_drop)
    # Both known at once turns into sound to be generated.
    both = masks.audio.known * masks.motion.known
    assert near(share(known_sound), (masks.audio.known - both) * left)
    assert near(share(known_motion), masks.motion.known * 0.7 * 0.8)
    prefixed = [p.mel.any() and not p.mel[0] and not p.motion[0, 0] for p in patterns]
    assert share(prefixed) > 0.1
    assert min(share(known_sound), share(known_motion)) > 0.05


@given(st.integers(0, 9999), st.integers(2, 40), st.integers(1, 4))
def test_something_is_always_generated(seed: int, beats: int, groups: int) -> None:
    masks = SpanMasks(audio=StreamMask(known=0.9), motion=StreamMask(known=0.9), group_known=0.5)
    pattern = pattern_of(masks, np.random.default_rng(seed), beats, groups)
    assert pattern.mel.shape == (beats * BEAT_MEL,)
    assert pattern.motion.shape == (beats * BEAT_MOTION, groups)
    assert pattern.mel.any() or pattern.motion[:, 0].any()


def test_other_groups_of_motion_can_be_known_but_the_mouth_is_not() -> None:
    mask = StreamMask()
    patterns = drawn(SpanMasks(audio=mask, motion=mask, group_known=0.25), groups=3)
    assert all(p.motion[:, 0].any() for p in patterns)
    for group in (1, 2):
        assert near(share([not p.motion[:, group].any() for p in patterns]), 0.25)


def test_the_tasks_of_windows_can_be_drawn_as_well() -> None:
    patterns = drawn(TaskMasks(kind="tasks"), groups=2)
    assert near(share([not p.mel.any() for p in patterns]), 0.1)
