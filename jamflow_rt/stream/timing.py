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
            deviation += (abs(seconds - mean) - deviation) / 4
            mean += (seconds - mean) / 8
            self._known[kind] = mean, deviation

    def bounds(self) -> dict[K, float]:
        """Kind → seconds within which nearly all of them end."""
        with self._lock:
            return {kind: mean + 2 * deviation for kind, (mean, deviation) in self._known.items()}


class WindowTimes:
    """How long windows take from the pass after their coming to their end, by their length."""

    UNKNOWN = 0.15

    def __init__(self) -> None:
        self._times: Times[int] = Times()

    def add(self, beats: int, seconds: float) -> None:
        """A window of that length took so long."""
        self._times.add(beats, seconds)

    def bound(self, beats: int) -> float:
        """Seconds within which nearly all of that length end."""
        bounds = self._times.bounds()
        if beats in bounds:
            return bounds[beats]
        # A longer one takes longer; of none that long, the longest.
        longer = [length for length in bounds if length > beats]
        return bounds[min(longer)] if longer else max(bounds.values(), default=self.UNKNOWN)


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
