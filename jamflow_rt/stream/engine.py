"""The engine: one thread that samples the windows of all sessions, batched per ODE step."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from jamflow_rt.errors import Failed, JamflowError
from jamflow_rt.flow.window import Window, WindowResult
from jamflow_rt.model.threads import Cores, compute_on, several_cores
from jamflow_rt.stream.calibration import batch_costs, choose_cores
from jamflow_rt.stream.capacity import Cost
from jamflow_rt.stream.timing import PassTimes, WindowTimes

log = logging.getLogger(__name__)
T = TypeVar("T")


class WindowRun(Protocol):
    """A window on its way from noise to data."""

    @property
    def done(self) -> bool:
        """True when every step has been made."""
        ...

    def result(self) -> WindowResult:
        """The sampled window."""
        ...


class WindowSampler(Protocol):
    """What the engine wants of a sampler; `jamflow_rt.flow.sampler.Sampler` is one."""

    def start(self, window: Window) -> WindowRun:
        """Take up a window."""
        ...

    def prepare(self, window: Window) -> None:
        """Do beforehand what makes windows of this length faster."""
        ...

    def advance(self, runs: Sequence[Any]) -> None:
        """Make one step for all `runs`, which are of one length, in one forward pass."""
        ...


@dataclass(eq=False)
class _Task:
    """A submitted window, and whom to tell."""

    window: Window
    deadline: float
    finish: Callable[[WindowResult], Any]
    future: Future[Any] = field(default_factory=Future)
    run: WindowRun | None = None
    taken_up: float = 0.0
    # Windows that there were then, with it.
    among: int = 1
    # What it took: its part of the passes in seconds, their number, and the windows in them.
    sampling: float = 0.0
    passes: int = 0
    company: int = 0

    @property
    def speaks(self) -> bool:
        """True when text becomes sound in it, which is the dearest kind of window."""
        return bool(self.window.text.any() and self.window.mel_masked.any())

    def fail(self, reason: BaseException) -> None:
        """Tell the submitter that there will be no result."""
        if self.future.done() or not self.future.set_running_or_notify_cancel():
            return
        self.future.set_exception(_explained(reason))


def _explained(reason: BaseException) -> JamflowError:
    """What went wrong, and what to do about it."""
    if isinstance(reason, JamflowError):
        return reason
    remedy = "Open a new session."
    if _out_of_memory(reason):
        remedy = "Close other sessions or set max_sessions lower, then open a new session."
    error = Failed(f"A window could not be generated: {reason!r}. {remedy}")
    error.__cause__ = reason
    return error


def _out_of_memory(reason: BaseException) -> bool:
    # torch has an error of its own for CUDA only; on a CPU it is a RuntimeError that says so.
    kinds = {kind.__name__ for kind in type(reason).__mro__}
    return bool(kinds & {"MemoryError", "OutOfMemoryError"}) or "allocate memory" in str(reason)


class Engine:
    """Samples windows in a thread of its own. Every method may be called from any thread.

    Each turn it takes the window length whose nearest deadline is the earliest and makes one step
    for the windows of that length in one forward pass; a new window joins at the next step.

    Args:
        sampler: owned by the engine's thread from now on.
        max_batch: windows that share a forward pass at most, nearest deadlines first.
        on_cost: told what every window with speech took, once the engine is calibrated: before,
            windows pay for what is set up lazily. Called on the engine's thread.
    """

    def __init__(
        self,
        sampler: WindowSampler,
        max_batch: int = 16,
        on_cost: Callable[[Cost], None] = lambda cost: None,
    ) -> None:
        self._sampler = sampler
        self._max_batch = max_batch
        self._on_cost = on_cost
        self._changed = threading.Condition()
        # Guarded by `_changed`: submitted and not yet taken up.
        self._inbox: list[_Task] = []
        self._calibrations: list[tuple[Sequence[Window], Future[Cores]]] = []
        self._closing = False
        self._ending: Failed | None = None
        # Touched by the engine thread only.
        self._active: list[_Task] = []
        # Known once it is calibrated.
        self._cores: Cores | None = None
        self._times, self._passes = WindowTimes(), PassTimes()
        self._thread = threading.Thread(target=self._main, name="jamflow-engine", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """False when the engine was closed or its thread has died."""
        return self._thread.is_alive() and not self._closing

    @property
    def ending(self) -> str | None:
        """Why it does not run: it was closed, or its thread died of something. None while alive."""
        if self.alive:
            return None
        return "The engine was closed." if self._ending is None else str(self._ending)

    @property
    def busy(self) -> bool:
        """True while windows wait or are being sampled."""
        return bool(self._inbox or self._active)

    def estimate(self, beats: int) -> float:
        """Seconds within which a window of that length, submitted now, is nearly always finished.

        It waits for the pass in progress and is then the first, if its deadline is.
        """
        there = [t for t in (*self._active, *self._inbox) if not t.future.cancelled()]
        return self._passes.remaining + self._times.bound(beats, 1 + len(there))

    def forget_estimates(self) -> None:
        """Measure anew: what was measured while warming up is too much."""
        self._times, self._passes = WindowTimes(), PassTimes()

    def submit(
        self, window: Window, deadline: float, finish: Callable[[WindowResult], T]
    ) -> Future[T]:
        """Sample a window.

        Args:
            window: what is known and what is to be generated.
            deadline: when its first frame plays, on `time.monotonic`'s scale.
            finish: turns the result into what the future returns, on the engine's thread.

        Returns:
            A future; cancelling it takes the window back. It fails with `Failed` when the window
            cannot be sampled, its numbers are not finite, or the engine ends.

        Raises:
            Failed: the engine is not running.
        """
        task = _Task(window, deadline, finish)
        with self._changed:
            if self._closing:
                raise Failed("The engine is not running; load the avatar again.")
            self._inbox.append(task)
            self._changed.notify()
        return task.future

    def calibrate(self, windows: Sequence[Window]) -> Cores:
        """Prepare for windows, find out on how many cores they are fastest, and what they cost.

        To be called before sessions are: meanwhile nothing else is sampled.

        Args:
            windows: one of every length there will be; the last is like those of a session that
                speaks on, and is measured.

        Returns:
            The numbers of cores that the engine computes on from now on.

        Raises:
            Failed: the engine is not running, or the window cannot be sampled.
        """
        future: Future[Cores] = Future()
        with self._changed:
            if self._closing:
                raise Failed("The engine is not running; load the avatar again.")
            self._calibrations.append((windows, future))
            self._changed.notify()
        return future.result()

    def close(self) -> None:
        """Stop the thread and wait for it. What is unfinished fails with `Failed`."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not threading.current_thread():
            self._thread.join()

    # What follows runs on the engine's thread.

    def _main(self) -> None:
        several_cores()
        error = Failed("The engine was closed.")
        try:
            while self._collect():
                self._calibrate()
                self._pass(self._nearest())
        except BaseException as reason:  # the thread's last words
            log.critical("The engine thread died.", exc_info=True)
            error = Failed(f"The engine thread died ({reason!r}). Restart the process.")
        finally:
            with self._changed:
                self._ending = error
                self._closing = True
                orphans = self._active + self._inbox
                calibrations = self._calibrations
                self._active, self._inbox, self._calibrations = [], [], []
            for task in orphans:
                task.fail(error)
            for _, future in calibrations:
                if not future.done():
                    future.set_exception(error)

    def _collect(self) -> bool:
        """Wait for work, take up new windows, drop cancelled ones. False when closing."""
        with self._changed:
            while not self._closing:
                self._active = [t for t in self._active + self._inbox if not t.future.cancelled()]
                self._inbox = []
                if self._active or self._calibrations:
                    break
                self._changed.wait()
            if self._closing:
                return False
        for task in [t for t in self._active if t.run is None]:
            start = task.taken_up = time.perf_counter()
            task.among = len(self._active)
            try:
                task.run = self._sampler.start(task.window)
            except Exception as reason:
                self._drop(task, reason)
                continue
            task.sampling += time.perf_counter() - start
            if task.run.done:  # nothing is missing in it
                self._complete(task)
        return True

    def _calibrate(self) -> None:
        while self._calibrations:
            # It stays in the list until it is answered: if the thread dies of it, somebody waits.
            windows, future = self._calibrations[0]
            window = windows[-1]
            try:
                for each in windows:
                    self._sampler.prepare(each)
                cores = self._cores = choose_cores(self._sampler, window)
                for cost in batch_costs(self._sampler, window, self._max_batch, cores):
                    self._on_cost(cost)
            except Exception as reason:
                log.error("The calibration failed.", exc_info=reason)
                future.set_exception(_explained(reason))
            else:
                future.set_result(cores)
            self._calibrations.pop(0)

    def _nearest(self) -> list[_Task]:
        """The windows for the next step: the earliest deadline and all of its length."""
        if not self._active:
            return []
        tasks = sorted(self._active, key=lambda t: t.deadline)
        beats = tasks[0].window.beats
        return [t for t in tasks if t.window.beats == beats][: self._max_batch]

    def _pass(self, tasks: list[_Task]) -> None:
        if not tasks:
            return
        passes = self._passes
        passes.begin(tasks[0].window.beats, len(tasks))
        try:
            self._advance(tasks)
        finally:
            passes.end()

    def _advance(self, tasks: list[_Task]) -> None:
        if self._cores is not None:
            compute_on(self._cores.of(len(tasks)))
        start = time.perf_counter()
        try:
            self._sampler.advance([t.run for t in tasks])
        except Exception as reason:
            if len(tasks) == 1:
                self._drop(tasks[0], reason)
                return
            # One of them is at fault: each steps alone, so that only that one fails.
            for task in tasks:
                self._advance([task])
            return
        part = (time.perf_counter() - start) / len(tasks)
        for task in tasks:
            task.sampling += part
            task.passes += 1
            task.company += len(tasks)
            if task.run is not None and task.run.done:
                self._complete(task)

    def _complete(self, task: _Task) -> None:
        if not task.future.set_running_or_notify_cancel():
            return
        start = time.perf_counter()
        try:
            assert task.run is not None
            result = task.run.result()
            if not result.finite:
                raise Failed("The network's numbers are not finite. Open a new session.")
            value = task.finish(result)
        except BaseException as reason:
            task.future.set_exception(_explained(reason))
            if not isinstance(reason, Exception):
                raise
            log.exception("A window failed.")
        else:
            now = time.perf_counter()
            if task.passes:
                self._times.add(task.window.beats, task.among, now - task.taken_up)
            task.future.set_result(value)
            if task.speaks and self._cores is not None:
                together = task.company / task.passes
                self._on_cost(Cost(task.window.beats, together, task.sampling, now - start))
        self._active.remove(task)

    def _drop(self, task: _Task, reason: Exception) -> None:
        log.error("A window failed.", exc_info=reason)
        self._active.remove(task)
        task.fail(reason)
