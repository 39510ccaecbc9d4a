from __future__ import annotations

import threading

import pytest
import torch

from jamflow_rt.model.threads import apart, one_core, several_cores


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
