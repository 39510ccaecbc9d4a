from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
import torch

from jamflow_rt.errors import Failed, InvalidInput, JamflowError
from jamflow_rt.flow.window import Window, WindowResult
from jamflow_rt.model.threads import Cores
from jamflow_rt.stream import engine as engine_module
from jamflow_rt.stream.capacity import Cost
from jamflow_rt.stream.engine import Engine
from tests.stream_fakes import STEPS, FakeRun, FakeSampler


def window(beats: int, name: int = 0) -> Window:
    frames, motion = beats * 15, beats * 4
    return Window(
        text=np.full(frames, name, np.int32),
        mel=np.zeros((frames, 100), np.float32),
        mel_masked=np.ones(frames, np.bool_),
        motion=np.zeros((motion, 2), np.float32),
        motion_masked=np.ones((motion, 1), np.bool_),
        mel_noise=np.zeros((frames, 100), np.float32),
        motion_noise=np.zeros((motion, 2), np.float32),
    )


class GatedSampler(FakeSampler):
    """Waits before its first step until everything has been submitted."""

    def __init__(self, break_at: int | None = None) -> None:
        super().__init__(break_at)
        self.reached = threading.Event()
        self.gate = threading.Event()

    def start(self, window: Window) -> FakeRun:
        self.reached.set()
        self.gate.wait(5)
        return super().start(window)

    def names(self) -> list[list[int]]:
        return [[int(run.window.text[0]) for run in batch] for batch in self.batches]


def name_of(result: WindowResult) -> float:
    return float(result.mel[0, 0])


@pytest.fixture
def sampler() -> GatedSampler:
    return GatedSampler()


def run(sampler: GatedSampler, wanted: Sequence[tuple[int, int, float]]) -> list[Future[float]]:
    """Submit (name, beats, deadline) behind a closed gate, then let the engine run to its end.

    The first is taken up alone and waits at the gate; the others come before its first step.
    """
    engine = Engine(sampler)
    futures: list[Future[float]] = []
    for name, beats, due in wanted:
        futures.append(engine.submit(window(beats, name), due, name_of))
        sampler.reached.wait(5)
    sampler.gate.set()
    for future in futures:
        future.exception(5)
    engine.close()
    return futures


def test_windows_of_one_length_share_every_step(sampler: GatedSampler) -> None:
    one, two = run(sampler, [(1, 7, 1.0), (2, 7, 2.0)])
    assert (one.result(), two.result()) == (1.0, 2.0)
    assert sampler.names() == [[1], *[[1, 2]] * (STEPS - 1), [2]]


def test_a_window_joins_at_the_next_step() -> None:
    class Joining(FakeSampler):
        def advance(self, runs: Sequence[FakeRun]) -> None:
            super().advance(runs)
            if len(self.batches) == 1:
                late.append(engine.submit(window(7, 2), 0.5, name_of))

    late: list[Future[float]] = []
    sampler = Joining()
    engine = Engine(sampler)
    first = engine.submit(window(7, 1), 1.0, name_of)
    first.result(5)
    late[0].result(5)
    engine.close()
    sizes = [len(batch) for batch in sampler.batches]
    assert sizes == [1, 2, 2, 1]


def test_a_window_that_is_done_at_its_start_takes_no_step(
    sampler: GatedSampler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeRun, "done", property(lambda run: run.step >= run.window.text[0]))
    (whole, stepped) = run(sampler, [(0, 2, 1.0), (1, 2, 1.0)])
    assert np.isfinite(whole.result()) and stepped.result() == 1
    assert sampler.names() == [[1]]


def test_the_nearest_deadline_goes_first_with_all_of_its_length() -> None:
    sampler = GatedSampler()
    run(sampler, [(9, 9, 50.0), (1, 7, 30.0), (2, 13, 10.0), (3, 7, 40.0), (4, 13, 60.0)])
    # Number 9 was taken up before the rest came and makes one step; from then on deadlines rule.
    others = [[2, 4]] * STEPS + [[1, 3]] * STEPS
    assert sampler.names() == [[9], *others, *[[9]] * (STEPS - 1)]


def test_a_batch_has_a_largest_size() -> None:
    sampler = GatedSampler()
    engine = Engine(sampler, max_batch=2)
    futures = [engine.submit(window(7, n), float(n), name_of) for n in range(1, 6)]
    sampler.gate.set()
    assert [f.result(5) for f in futures] == [1, 2, 3, 4, 5]
    engine.close()
    assert max(len(batch) for batch in sampler.batches) == 2


def test_nan_fails_only_its_own_window(caplog: pytest.LogCaptureFixture) -> None:
    sampler = GatedSampler(break_at=1)
    good, bad, other = run(sampler, [(1, 7, 1.0), (2, 7, 2.0), (3, 7, 3.0)])
    assert (good.result(), other.result()) == (1.0, 3.0)
    with pytest.raises(Failed, match="not finite"):
        bad.result()


def test_an_exception_in_a_batch_fails_only_the_window_at_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Picky(GatedSampler):
        def advance(self, runs: Sequence[FakeRun]) -> None:
            if any(run.window.text[0] == 2 for run in runs):
                raise MemoryError("no room")
            super().advance(runs)

    good, bad, other = run(Picky(), [(1, 7, 1.0), (2, 7, 2.0), (3, 7, 3.0)])
    assert (good.result(), other.result()) == (1.0, 3.0)
    with pytest.raises(Failed, match="no room"):
        bad.result()


def test_a_failing_start_or_finish_fails_only_its_own(caplog: pytest.LogCaptureFixture) -> None:
    class Refusing(FakeSampler):
        def start(self, window: Window) -> FakeRun:
            if window.text[0] == 1:
                raise ValueError("not this one")
            return super().start(window)

    def broken(result: WindowResult) -> float:
        raise ZeroDivisionError("decoder")

    engine = Engine(Refusing())
    with pytest.raises(Failed, match="not this one"):
        engine.submit(window(7, 1), 1.0, name_of).result(5)
    with pytest.raises(Failed, match="decoder"):
        engine.submit(window(7, 2), 1.0, broken).result(5)
    assert engine.submit(window(7, 3), 1.0, name_of).result(5) == 3.0
    assert engine.alive
    engine.close()


@pytest.mark.parametrize("where", ["advance", "finish"])
def test_the_death_of_the_thread_reaches_everybody_who_waits(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Deadly(GatedSampler):
        def advance(self, runs: Sequence[FakeRun]) -> None:
            if where == "advance":
                raise SystemExit("killed")
            super().advance(runs)

    def finish(result: WindowResult) -> float:
        raise SystemExit("killed")

    sampler = Deadly()
    engine = Engine(sampler)
    futures: list[Future[Any]] = [
        engine.submit(window(beats, 1), due, finish) for beats, due in ((7, 1.0), (7, 2), (9, 3))
    ]
    with caplog.at_level(logging.CRITICAL):
        sampler.gate.set()
        for future in futures:
            assert isinstance(future.exception(5), Failed)
        engine.close()
    assert "died" in caplog.text
    assert not engine.alive
    with pytest.raises(Failed, match="not running"):
        engine.submit(window(7), 1.0, name_of)


def test_a_cancelled_window_is_forgotten(sampler: GatedSampler) -> None:
    engine = Engine(sampler)
    first = engine.submit(window(7, 1), 1.0, name_of)
    second = engine.submit(window(7, 2), 2.0, name_of)
    assert second.cancel()
    sampler.gate.set()
    assert first.result(5) == 1.0
    engine.close()
    assert all(2 not in batch for batch in sampler.names())


def test_close_joins_and_fails_what_is_unfinished() -> None:
    class Endless(FakeSampler):
        def advance(self, runs: Sequence[FakeRun]) -> None:
            stepping.set()

    stepping = threading.Event()
    engine = Engine(Endless())
    future = engine.submit(window(7, 1), 1.0, name_of)
    assert stepping.wait(5)
    engine.close()
    engine.close()
    assert not engine.alive
    assert "jamflow-engine" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(Failed, match="closed"):
        future.result(0)


def test_estimates_come_from_measured_windows() -> None:
    engine = Engine(FakeSampler())
    unknown = engine.estimate(7)
    engine.submit(window(7), 1.0, name_of).result(5)
    engine.close()
    assert 0 < engine.estimate(7) < unknown
    assert engine.estimate(13) == engine.estimate(7)
    engine.forget_estimates()
    assert engine.estimate(7) == unknown


def test_speaking_windows_tell_what_they_took(caplog: pytest.LogCaptureFixture) -> None:
    costs: list[Cost] = []
    sampler = GatedSampler()
    engine = Engine(sampler, max_batch=4, on_cost=costs.append)
    sampler.gate.set()
    # Nobody learns from a cold engine.
    engine.submit(window(7, 1), 1.0, name_of).result(5)
    assert costs == []
    engine.calibrate([window(13, 1)])
    costs.clear()
    sampler.gate.clear()
    futures = [engine.submit(window(7, name), 1.0, name_of) for name in (1, 2, 0)]
    sampler.gate.set()
    for future in futures:
        future.result(5)
    engine.close()
    # The one without text was idle.
    assert len(costs) == 2
    for cost in costs:
        assert cost.beats == 7 and 1 < cost.together <= 3
        assert cost.sampling > 0 and cost.decoding is not None and cost.decoding > 0


def test_a_calibration_measures_batches_on_the_engines_thread() -> None:
    class Where(FakeSampler):
        def advance(self, runs: Sequence[FakeRun]) -> None:
            threads.add(threading.current_thread().name)
            super().advance(runs)

    threads: set[str] = set()
    costs: list[Cost] = []
    sampler = Where()
    engine = Engine(sampler, max_batch=4, on_cost=costs.append)
    before = torch.get_num_threads()
    cores = engine.calibrate([window(7, 1), window(13, 1)])
    assert sampler.prepared == [7, 13]
    assert cores.together >= cores.alone >= 1
    assert threads == {"jamflow-engine"}
    assert torch.get_num_threads() == before
    assert [cost.together for cost in costs] == [1, 2, 4]
    # It goes on as an engine.
    assert engine.submit(window(7, 3), 1.0, name_of).result(5) == 3.0
    engine.close()
    with pytest.raises(Failed, match="not running"):
        engine.calibrate([window(13, 1)])


def test_a_batch_has_cores_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting(GatedSampler):
        def advance(self, runs: Sequence[FakeRun]) -> None:
            super().advance(runs)
            used.add((len(runs), torch.get_num_threads()))

    used: set[tuple[int, int]] = set()
    monkeypatch.setattr(engine_module, "choose_cores", lambda *_: Cores(1, 2))
    monkeypatch.setattr(engine_module, "batch_costs", lambda *_: [])
    sampler = Counting()
    sampler.gate.set()
    engine = Engine(sampler)
    engine.calibrate([window(7, 1)])
    engine.submit(window(7, 1), 1.0, name_of).result(5)
    sampler.gate.clear()
    # The first holds the engine until the others have come.
    futures = [engine.submit(window(7, name), 1.0, name_of) for name in (1, 2, 3)]
    sampler.gate.set()
    for future in futures:
        future.result(5)
    engine.close()
    assert {cores for count, cores in used if count == 1} == {1}
    assert {cores for count, cores in used if count > 1} == {2}


@pytest.mark.parametrize("fatal", [False, True])
def test_a_failing_calibration_is_told(fatal: bool, caplog: pytest.LogCaptureFixture) -> None:
    class Refusing(FakeSampler):
        def start(self, window: Window) -> FakeRun:
            raise SystemExit("killed") if fatal else ValueError("not this one")

    engine = Engine(Refusing())
    with pytest.raises(Failed, match="killed" if fatal else "not this one"):
        engine.calibrate([window(13, 1)])
    assert engine.alive != fatal
    engine.close()


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        (MemoryError("no room"), "max_sessions lower"),
        (torch.OutOfMemoryError("CUDA out of memory."), "max_sessions lower"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "max_sessions lower"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "Open a new session"),
        (InvalidInput("Window.mel has shape (3, 100)."), "Window.mel has shape"),
    ],
)
@pytest.mark.parametrize("where", ["start", "advance", "finish"])
def test_whatever_breaks_ends_its_own_window_and_says_what_to_do(
    where: str, reason: Exception, remedy: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Breaking(GatedSampler):
        def start(self, window: Window) -> FakeRun:
            run = super().start(window)
            if where == "start" and window.text[0] == 2:
                raise reason
            return run

        def advance(self, runs: Sequence[FakeRun]) -> None:
            if where == "advance" and any(run.window.text[0] == 2 for run in runs):
                raise reason
            super().advance(runs)

    def finish(result: WindowResult) -> float:
        if where == "finish" and name_of(result) == 2.0:
            raise reason
        return name_of(result)

    sampler = Breaking()
    engine = Engine(sampler)
    good, bad, other = [engine.submit(window(7, name), 1.0, finish) for name in (1, 2, 3)]
    sampler.gate.set()
    assert (good.result(5), other.result(5)) == (1.0, 3.0)
    with pytest.raises(JamflowError, match=remedy) as caught:
        bad.result(5)
    assert caught.value is reason or caught.value.__cause__ is reason
    assert engine.alive
    assert engine.submit(window(7, 4), 1.0, finish).result(5) == 4.0
    engine.close()


def test_out_of_memory_of_a_batch_fails_nobody_who_fits_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Small(GatedSampler):
        def advance(self, runs: Sequence[FakeRun]) -> None:
            if len(runs) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            super().advance(runs)

    first, second, third = run(Small(), [(1, 7, 1.0), (2, 7, 2.0), (3, 7, 3.0)])
    assert (first.result(), second.result(), third.result()) == (1.0, 2.0, 3.0)


def test_an_engine_tells_why_it_ended(caplog: pytest.LogCaptureFixture) -> None:
    class Deadly(FakeSampler):
        def advance(self, runs: Sequence[FakeRun]) -> None:
            raise KeyboardInterrupt("killed")

    engine = Engine(FakeSampler())
    assert engine.ending is None
    engine.close()
    assert engine.ending == "The engine was closed."
    dead = Engine(Deadly())
    with pytest.raises(Failed, match="died"):
        dead.submit(window(7, 1), 1.0, name_of).result(5)
    dead.close()
    assert dead.ending is not None and "died (KeyboardInterrupt('killed'))" in dead.ending
    assert "Restart the process" in dead.ending
