import threading

import pytest

from jamflow_rt.stream.timing import PassTimes, Times, WindowTimes


def test_a_bound_lies_above_what_varies() -> None:
    times: Times[str] = Times()
    for seconds in (0.1, 0.2) * 4:
        times.add("varied", seconds)
        times.add("steady", 0.15)
    bounds = times.bounds()
    assert bounds["steady"] == pytest.approx(0.15)
    assert bounds["varied"] > 0.2


def test_times_may_be_asked_while_they_are_learned() -> None:
    times: Times[int] = Times()
    stop = threading.Event()

    def learn() -> None:
        kind = 0
        while not stop.is_set():
            kind += 1
            times.add(kind % 5000, 0.1)

    thread = threading.Thread(target=learn)
    thread.start()
    try:
        for _ in range(200):
            assert all(bound == pytest.approx(0.1) for bound in times.bounds().values())
    finally:
        stop.set()
        thread.join()


def test_when_things_get_quicker_the_bound_never_rises() -> None:
    times: Times[str] = Times()
    for seconds in (0.1, 0.9, 0.5, 0.8) * 4:
        times.add("crowded", seconds)
    before = times.bounds()["crowded"]
    for _ in range(12):
        times.add("crowded", 0.1)
        after = times.bounds()["crowded"]
        assert after <= before
        before = after
    assert before < 0.25


def test_an_unknown_length_takes_what_the_next_longer_one_takes() -> None:
    times = WindowTimes()
    assert times.bound(7, 1) == WindowTimes.UNKNOWN
    times.add(5, 1, 0.02)
    times.add(13, 1, 0.06)
    times.add(21, 1, 0.09)
    assert times.bound(5, 1) == pytest.approx(0.02)
    assert times.bound(7, 1) == pytest.approx(0.06)
    assert times.bound(30, 1) == pytest.approx(0.09)


def test_a_crowd_says_nothing_about_the_time_after_it() -> None:
    times = WindowTimes()
    times.add(5, 1, 0.05)
    for _ in range(8):
        times.add(5, 4, 0.9)
    assert times.bound(5, 1) == pytest.approx(0.05)
    assert times.bound(5, 4) == pytest.approx(0.9)


def test_an_unknown_company_takes_longer_in_proportion() -> None:
    times = WindowTimes()
    times.add(5, 2, 0.06)
    assert times.bound(5, 4) == pytest.approx(0.12)
    # Of fewer nothing is known.
    assert times.bound(5, 1) == pytest.approx(0.06)


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def passing(clock: Clock, passes: PassTimes, beats: int, windows: int, seconds: float) -> None:
    passes.begin(beats, windows)
    clock.time += seconds
    passes.end()


def test_the_pass_in_progress_is_waited_for() -> None:
    clock = Clock()
    passes = PassTimes(clock)
    assert passes.remaining == 0.0
    passing(clock, passes, 13, 2, 0.06)
    assert passes.remaining == 0.0
    passes.begin(13, 2)
    assert passes.remaining == pytest.approx(0.06)
    clock.time += 0.02
    assert passes.remaining == pytest.approx(0.04)
    passes.end()
    assert passes.remaining == 0.0


def test_at_the_end_of_a_pass_the_next_may_come_first() -> None:
    clock = Clock()
    passes = PassTimes(clock)
    passing(clock, passes, 13, 1, 0.06)
    passes.begin(13, 1)
    for moment in (0.058, 0.02):  # nearly over; longer than any before it
        clock.time += moment
        assert passes.remaining == pytest.approx(0.06)


def test_a_larger_batch_than_any_before_takes_longer_in_proportion() -> None:
    clock = Clock()
    passes = PassTimes(clock)
    passes.begin(13, 1)
    assert passes.remaining == 0.0  # nothing is known yet
    clock.time += 0.03
    passes.end()
    passing(clock, passes, 13, 2, 0.05)
    passes.begin(13, 4)
    assert passes.remaining == pytest.approx(0.1)
    passes.end()
    passes.begin(21, 1)
    assert passes.remaining == pytest.approx(0.05)
