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
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import torch

T = TypeVar("T")

MOST_CORES = 4
"""Operations on a few hundred tokens gain nothing from more."""


def several_cores() -> None:
    """Let the calling thread compute on as many cores as pay for one model."""
    torch.set_num_threads(min(os.cpu_count() or 1, MOST_CORES))


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
