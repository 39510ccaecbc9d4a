"""Where torch may use more than one core.

Every Python thread that runs a parallel operation gets a pool of OpenMP workers of its own, which
lives as long as that thread. As soon as all pools together have more threads than the machine has
cores, OpenMP no longer spins at its barriers but sleeps, and a network of many small operations
takes twice as long (measured: a window of 13 beats 196 → 390 ms). So one thread, the engine's, has
the pool, and what else runs torch does it in a thread that ends (`apart`) or on one core
(`one_core`). Torch also lets threads that start later begin with the number
set last; a program with torch work of its own sets its number in its own threads.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import torch

T = TypeVar("T")

MOST_CORES = 4
"""Operations on a few hundred tokens gain nothing from more."""

WORTH = 0.8
"""Share of the time that a further core has to leave at most; otherwise others need it more."""

PATIENCE = 2.0
"""Seconds after which no further round of trials begins."""


@dataclass(frozen=True, slots=True)
class Cores:
    """How many cores a thread computes on."""

    alone: int
    """For one window."""
    together: int
    """For several windows at once: larger products gain more of a further core."""

    def of(self, windows: int) -> int:
        """For so many windows."""
        return self.alone if windows == 1 else self.together


def compute_on(cores: int) -> None:
    """Let the calling thread compute on so many cores from now on."""
    if torch.get_num_threads() != cores:
        torch.set_num_threads(cores)


def several_cores() -> None:
    """Let the calling thread compute on as many cores as pay for one model."""
    torch.set_num_threads(_most())


def measured_cores(trial: Callable[[], object], rounds: int = 3) -> int:
    """Let the calling thread compute on as many cores as pay for `trial`, by trying them.

    The pool belongs to this thread and changes its size: no other pool comes into being. It ends
    with the number of cores that was chosen; OpenMP lets the workers above it go.

    Args:
        trial: does what the thread is going to do.
        rounds: how often each number is tried, if time allows; its best time counts.

    Returns:
        The number of cores.
    """
    counts = range(1, _most() + 1)
    times: dict[int, list[float]] = {count: [] for count in counts}
    # In turns, so that a disturbance from outside meets all numbers.
    end = time.perf_counter() + PATIENCE
    for done in range(rounds):
        if done and time.perf_counter() > end:
            break
        for count in counts:
            torch.set_num_threads(count)
            start = time.perf_counter()
            trial()
            times[count].append(time.perf_counter() - start)
    chosen = fewest_that_pay({count: min(spent) for count, spent in times.items()})
    torch.set_num_threads(chosen)
    return chosen


def fewest_that_pay(times: Mapping[int, float]) -> int:
    """The number of cores that is fastest, unless fewer are nearly as fast.

    Args:
        times: number of cores → seconds.
    """
    counts = sorted(times)
    chosen = counts[0]
    for count in counts[1:]:
        if times[count] <= times[chosen] * WORTH ** (count - chosen):
            chosen = count
    return chosen


def _most() -> int:
    return min(os.cpu_count() or 1, MOST_CORES)


def one_core() -> None:
    """Let the calling thread compute on its own core only."""
    torch.set_num_threads(1)


def apart(function: Callable[[], T]) -> T:
    """Call `function` in a thread of its own, with several cores, and wait for its result."""
    future: Future[T] = Future()

    def run() -> None:
        several_cores()
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=run, name="jamflow-apart")
    thread.start()
    thread.join()
    return future.result()
