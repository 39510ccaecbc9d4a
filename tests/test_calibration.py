from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
import torch

from jamflow_rt.config import SamplingConfig
from jamflow_rt.flow.sampler import Sampler
from jamflow_rt.model.threads import Cores, apart
from jamflow_rt.stream import calibration
from jamflow_rt.stream.calibration import batch_costs, choose_cores, trial_window, trial_windows
from jamflow_rt.stream.windows import WindowPlanner
from tests.stream_fakes import WINDOWS, FakeRun, FakeSampler, toy_space
from tests.toy import toy_model
from tests.toy import toy_space as shipped_space

WINDOW = trial_window(toy_space(), WINDOWS, 13)
CORES = Cores(1, 1)


def test_the_window_is_one_of_a_long_speech() -> None:
    assert WINDOW.beats == 4 + 8 + 1
    assert WINDOW.text.any() and WINDOW.mel_masked.sum() == 9 * 15
    assert not WINDOW.mel_masked[: 4 * 15].any()
    assert WINDOW.motion_masked[4 * 4 :].all()
    sampler = Sampler(toy_model(), SamplingConfig(evaluations=1))
    assert sampler.sample(trial_window(shipped_space(), WINDOWS, 13)).finite


def test_there_is_one_of_every_length() -> None:
    planner = WindowPlanner(WINDOWS)
    windows = trial_windows(toy_space(), planner)
    assert tuple(window.beats for window in windows) == planner.lengths


def test_batches_double_until_the_largest() -> None:
    sampler = FakeSampler()
    costs = list(batch_costs(sampler, WINDOW, 10, CORES))
    assert [cost.together for cost in costs] == [1, 2, 4, 8]
    assert all(cost.beats == 13 and cost.sampling >= 0 for cost in costs)
    assert all(cost.decoding is None for cost in costs)
    assert max(len(batch) for batch in sampler.batches) == 8


def test_slow_batches_are_left_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "LONGEST", 0.0)
    assert [cost.together for cost in batch_costs(FakeSampler(), WINDOW, 16, CORES)] == [1]


def test_a_batch_that_does_not_fit_in_memory_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    class Small(FakeSampler):
        def advance(self, runs: Sequence[FakeRun]) -> None:
            if len(runs) > 2:
                raise MemoryError("no room")
            super().advance(runs)

    with caplog.at_level(logging.WARNING):
        costs = list(batch_costs(Small(), WINDOW, 16, CORES))
    assert [cost.together for cost in costs] == [1, 2]
    assert "batch of 4 windows" in caplog.text and "no room" in caplog.text


def test_the_thread_keeps_the_chosen_cores() -> None:
    chosen, kept = apart(lambda: (choose_cores(FakeSampler(), WINDOW), torch.get_num_threads()))
    assert chosen.alone == kept >= 1
    assert chosen.together >= chosen.alone


def test_batches_that_do_not_fit_are_no_reason_to_fail(caplog: pytest.LogCaptureFixture) -> None:
    class Lonely(FakeSampler):
        def advance(self, runs: Sequence[FakeRun]) -> None:
            if len(runs) > 1:
                raise MemoryError("no room")
            super().advance(runs)

    with caplog.at_level(logging.WARNING):
        chosen = apart(lambda: choose_cores(Lonely(), WINDOW))
    assert chosen.alone == chosen.together
    assert "no room" in caplog.text
