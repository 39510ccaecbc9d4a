"""What the engine's work takes, learned from what it took, as TCP learns of its round trips."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Times(Generic[K]):
    """Seconds of things of several kinds: a mean and a mean deviation each. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[K, tuple[float, float]] = {}

    def add(self, kind: K, seconds: float) -> None:
        """One more of them took so long."""
        with self._lock:
            mean, deviation = self._known.get(kind, (seconds, 0.0))
            if seconds < mean - deviation:
                # Better times have come. That they differ from the worse is no reason to expect
                # more than those (Linux's TCP has this rule as well).
                mean += (seconds - mean) / 4
                deviation -= deviation / 4
            else:
                deviation += (abs(seconds - mean) - deviation) / 4
                mean += (seconds - mean) / 8
            self._known[kind] = mean, deviation

    def bounds(self) -> dict[K, float]:
        """Kind → seconds within which nearly all of them end."""
        with self._lock:
            return {kind: mean + 2 * deviation for kind, (mean, deviation) in self._known.items()}


class WindowTimes:
    """How long windows take from the pass after their coming to their end.

    By their length, and by how many windows there were when they came: what was learned while the
    machine had too much to do says nothing about the time after it.
    """

    UNKNOWN = 0.15

    def __init__(self) -> None:
        # By length and company.
        self._times: Times[tuple[int, int]] = Times()

    def add(self, beats: int, company: int, seconds: float) -> None:
        """A window of that length, one of so many, took so long."""
        self._times.add((beats, company), seconds)

    def bound(self, beats: int, company: int) -> float:
        """Seconds within which nearly all of that length end, as one of so many."""
        bounds = self._times.bounds()
        if not bounds:
            return self.UNKNOWN
        lengths = {length for length, _ in bounds}
        # A longer one takes longer; of none that long, the longest.
        length = min((each for each in lengths if each >= beats), default=max(lengths))
        known = {many: seconds for (each, many), seconds in bounds.items() if each == length}
        fewer = [many for many in known if many <= company]
        if not fewer:
            return known[min(known)]
        return known[max(fewer)] * company / max(fewer)


class PassTimes:
    """How long passes take, and when the one in progress ends. Nothing can come before that.

    The engine's thread makes the passes, any thread asks.

    Args:
        now: a clock in seconds; tests pass their own.
    """

    SOON = 0.005
    """Seconds before the end of a pass from when on the next may begin before one can submit."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        # By length and number of the windows in it.
        self._times: Times[tuple[int, int]] = Times()
        # Beginning, length and number of the one in progress.
        self._current: tuple[float, int, int] | None = None

    def begin(self, beats: int, windows: int) -> None:
        """A pass begins."""
        self._current = self._now(), beats, windows

    def end(self) -> None:
        """It has ended, with what follows from it: windows that are complete are decoded."""
        if self._current is not None:
            start, beats, windows = self._current
            self._times.add((beats, windows), self._now() - start)
        self._current = None

    @property
    def remaining(self) -> float:
        """Seconds until what is submitted now can be taken up; 0 between passes."""
        current = self._current
        if current is None:
            return 0.0
        start, beats, windows = current
        expected = self._expected(beats, windows)
        left = start + expected - self._now()
        return left if left > self.SOON else expected

    def _expected(self, beats: int, windows: int) -> float:
        bounds = self._times.bounds()
        if (beats, windows) in bounds:
            return bounds[beats, windows]
        smaller = [n for b, n in bounds if b == beats and n < windows]
        if smaller:
            return bounds[beats, max(smaller)] * windows / max(smaller)
        return max(bounds.values(), default=0.0)
