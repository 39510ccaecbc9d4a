"""A training that is asked to end finishes its step and leaves a checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """A function that says whether SIGTERM or Ctrl-C came; the second one ends at once.

    Signals reach the main thread only: elsewhere the answer is always no. A signal that is ignored
    (Ctrl-C, behind a shell's `&`) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        for one, was in before.items():
            signal.signal(one, was)

    before = {one: was for one in _SIGNALS if (was := signal.getsignal(one)) is not signal.SIG_IGN}
    for one in before:
        signal.signal(one, ask)
    try:
        yield lambda: asked
    finally:
        for one, was in before.items():
            signal.signal(one, was)
