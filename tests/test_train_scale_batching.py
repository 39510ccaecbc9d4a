from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.beats import BEAT_MEL
from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.scale.batching import BatchPlan, PlannedBatches
from jamflow_rt.train.scale.recipe import Batches, Lengths


def plan(
    beats: list[int],
    *,
    frames: int = 300,
    processes: int = 1,
    multiple: int | None = None,
    slack: int = 0,
    crops: tuple[int, ...] | None = None,
    seed: int = 0,
) -> BatchPlan:
    lengths = Lengths(shortest=0.1, longest=100.0, slack=slack, crops=crops)
    batches = Batches(frames=frames, multiple=multiple)
    clips = [1000 + number for number in range(len(beats))]
    return BatchPlan(clips, beats, lengths, batches, seed, processes)


def beats_of(count: int, seed: int = 0) -> list[int]:
    return [int(b) for b in np.random.default_rng(seed).integers(3, 12, count)]


def test_every_clip_comes_once_an_epoch_whole() -> None:
    beats = beats_of(60)
    made = plan(beats)
    for epoch in range(2):
        numbers = range(epoch * made.per_epoch, (epoch + 1) * made.per_epoch)
        rows = [row for number in numbers for row in made.rows(number)]
        assert sorted(row.clip for row in rows) == list(range(1000, 1060))
        assert all(row.beats == beats[row.clip - 1000] and row.first == 0 for row in rows)
    assert [r.clip for r in made.rows(0)] != [r.clip for r in made.rows(made.per_epoch)]


@given(st.integers(1, 80), st.integers(0, 3), st.integers(1, 4), st.integers(0, 99), st.booleans())
def test_passes_are_of_one_length_within_their_frames_and_divide(
    count: int, slack: int, processes: int, seed: int, cropped: bool
) -> None:
    beats = beats_of(count, seed)
    crops = (3, 5, 7) if cropped else None
    made = plan(beats, processes=processes, slack=slack, crops=crops, seed=seed)
    seen = set()
    for number in range(made.per_epoch):
        rows = made.rows(number)
        length = rows[0].beats
        assert len(rows) % processes == 0
        assert {row.beats for row in rows} == {length}
        assert len(rows) == processes or length * BEAT_MEL * len(rows) <= 300 * processes
        for row in rows:
            own = beats[row.clip - 1000]
            assert 0 <= row.first <= own - row.beats
            assert cropped or own - row.beats <= slack
        seen |= {row.clip for row in rows}
    assert seen == {1000 + number for number in range(count)}
    # So a step knows its epoch.
    assert (
        sum(1 for _ in range(made.per_epoch))
        == plan(beats, processes=processes, slack=slack, crops=crops, seed=seed + 1).per_epoch
    )


def test_the_plan_is_the_same_from_any_step() -> None:
    straight, jumped = plan(beats_of(40), slack=1), plan(beats_of(40), slack=1)
    numbers = range(3 * straight.per_epoch)
    rows = [straight.rows(number) for number in numbers]
    assert [jumped.rows(number) for number in reversed(numbers)] == rows[::-1]
    assert plan(beats_of(40), slack=1, seed=1).rows(0) != rows[0]


def test_two_processes_share_what_one_does_with_twice_the_frames() -> None:
    one = plan(beats_of(50), frames=400, multiple=2)
    two = plan(beats_of(50), frames=200, processes=2)
    assert one.per_epoch == two.per_epoch
    for number in range(2 * one.per_epoch):
        assert [*two.share(number, 0), *two.share(number, 1)] == one.rows(number)
        assert len(two.share(number, 0)) == len(two.share(number, 1))


def test_every_row_is_random_in_its_own_way() -> None:
    made = plan(beats_of(30))
    seeds = [row.seed for number in range(2 * made.per_epoch) for row in made.rows(number)]
    assert len(set(seeds)) == len(seeds)


def test_crops_come_in_all_their_lengths_from_all_places() -> None:
    made = plan([20] * 30, crops=(4, 6, 30))
    rows = [row for number in range(8 * made.per_epoch) for row in made.rows(number)]
    assert Counter(row.beats for row in rows) == {4: 120, 6: 120}
    assert {row.first for row in rows if row.beats == 6} == set(range(15))


def test_a_process_reads_its_share_from_any_pass_on() -> None:
    made = plan(beats_of(20), processes=2)
    batches = PlannedBatches(made, process=1, first=5, end=9)
    assert list(batches) == [made.share(number, 1) for number in range(5, 9)]
    assert len(batches) == 4


def test_what_cannot_be_shared_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no clips"):
        plan([])
    with pytest.raises(InvalidInput, match="multiple is 3"):
        plan([4, 4], processes=2, multiple=3)
