from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.model import threads
from jamflow_rt.model.threads import (
    apart,
    fewest_that_pay,
    measured_cores,
    one_core,
    several_cores,
)


def test_apart_runs_in_a_thread_that_ends() -> None:
    ran_in = apart(threading.current_thread)
    assert ran_in is not threading.current_thread()
    assert not ran_in.is_alive()


def test_apart_passes_errors_on() -> None:
    def fail() -> None:
        raise ValueError("no such folder")

    with pytest.raises(ValueError, match="no such folder"):
        apart(fail)


def test_every_thread_has_its_own_number_of_cores() -> None:
    before = torch.get_num_threads()

    def alone() -> tuple[int, int]:
        one_core()
        single = torch.get_num_threads()
        several_cores()
        return single, torch.get_num_threads()

    single, several = apart(alone)
    assert single == 1
    assert 1 <= several <= 4
    assert torch.get_num_threads() == before


def test_every_number_of_cores_is_tried_and_one_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_most", lambda: 3)
    before = torch.get_num_threads()
    tried: list[int] = []

    def measure() -> tuple[int, int]:
        return measured_cores(lambda: tried.append(torch.get_num_threads()), 2), (
            torch.get_num_threads()
        )

    chosen, kept = apart(measure)
    assert tried == [1, 2, 3, 1, 2, 3]
    assert chosen == kept and chosen in (1, 2, 3)
    assert torch.get_num_threads() == before


def test_a_slow_machine_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_most", lambda: 2)
    monkeypatch.setattr(threads, "PATIENCE", -1.0)
    tried: list[int] = []
    apart(lambda: measured_cores(lambda: tried.append(torch.get_num_threads()), 5))
    assert tried == [1, 2]


@pytest.mark.parametrize(
    ("times", "chosen"),
    [
        ({1: 1.0}, 1),
        ({1: 1.0, 2: 0.5, 3: 0.35, 4: 0.25}, 4),
        ({1: 1.0, 2: 0.95}, 1),  # the second core does more elsewhere
        ({1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}, 1),  # somebody else has the others
        ({1: 1.0, 2: 0.6, 3: 0.59, 4: 0.58}, 2),
        ({1: 1.0, 2: 1.1, 3: 0.6}, 3),
    ],
)
def test_a_core_that_hardly_helps_is_left_to_others(times: dict[int, float], chosen: int) -> None:
    assert fewest_that_pay(times) == chosen


@given(st.lists(st.floats(1e-4, 10.0), min_size=1, max_size=8))
def test_more_cores_are_never_slower_than_fewer(seconds: list[float]) -> None:
    times = dict(enumerate(seconds, start=1))
    chosen = fewest_that_pay(times)
    assert all(times[chosen] <= times[count] for count in times if count < chosen)
