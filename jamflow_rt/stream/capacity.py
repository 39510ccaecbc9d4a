"""How many sessions this machine can serve at once, from what their work has cost so far."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from statistics import median

from jamflow_rt.beats import BEAT_SECONDS, MOTION_RATE
from jamflow_rt.config import WindowConfig
from jamflow_rt.model.threads import Cores

Recent = deque[float]

ENGINE_SHARE = 0.85
"""Share of its time that the engine's thread may be busy; with more, windows wait for windows."""
MACHINE_SHARE = 0.95
"""Share of all cores that may be busy; the rest is for encoding sound, the network, the system."""
_REMEMBERED = 9
"""Measurements of a kind whose median counts: a few that met a busy moment change nothing."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one window took of the engine's thread, in seconds."""

    beats: int
    """Its length."""
    together: float
    """How many windows shared its passes, on average."""
    sampling: float
    """Its part of the passes."""
    decoding: float | None = None
    """None where nothing was decoded."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy something is: 1 is all the time."""

    engine: float
    machine: float

    @property
    def fits(self) -> bool:
        """True when nothing would be late."""
        return self.engine <= ENGINE_SHARE and self.machine <= MACHINE_SHARE


class Capacity:
    """Learns what a speaking session costs, and says whether one more fits.

    A session that speaks on asks for one long window after the other. Its cost is the passes'
    share, which falls when windows are sampled together, and the decoding, which does not. What
    was never measured costs nothing: before the warm-up everything fits.

    May be used from any thread.

    Args:
        windows: the shape of windows; the last of `growth` is that of a session that speaks on.
        cores: of the machine.
    """

    def __init__(self, windows: WindowConfig, cores: int) -> None:
        new = windows.growth[-1]
        self._beats = windows.prefix + new + windows.look_ahead
        self._seconds = new * BEAT_SECONDS
        self._cores = cores
        # Everything below is guarded by `_lock`: the engine learns while sessions are admitted.
        self._lock = threading.Lock()
        self._engine_cores = Cores(1, 1)
        # Windows sampled together → seconds of a window's part of the passes.
        self._sampling: dict[int, Recent] = defaultdict(_recent)
        self._decoding = _recent()
        # Seconds to draw a pixel.
        self._drawing = _recent()

    def use_cores(self, cores: Cores) -> None:
        """The engine computes on so many cores from now on."""
        with self._lock:
            self._engine_cores = cores

    def add(self, cost: Cost) -> None:
        """Learn from a window that was sampled; those of other lengths tell nothing."""
        if cost.beats != self._beats:
            return
        together = max(1, round(cost.together))
        with self._lock:
            self._sampling[together].append(cost.sampling)
            if cost.decoding is not None:
                self._decoding.append(cost.decoding)

    def add_picture(self, pixels: int, seconds: float) -> None:
        """Learn from a picture of so many pixels that was drawn."""
        with self._lock:
            self._drawing.append(seconds / pixels)

    def load(self, sessions: int, pixels: int) -> Load:
        """How busy everything is when all speak.

        Args:
            sessions: at the same time.
            pixels: of one picture of each of them, added up; 0 for those without pictures.
        """
        with self._lock:
            engine = self._engine_load(sessions)
            drawing = pixels * _typical(self._drawing) * MOTION_RATE
            busy = engine * self._engine_cores.of(_meeting(sessions))
            machine = (busy + drawing) / self._cores
        return Load(engine, machine)

    def fits(self, sessions: int, pixels: int) -> bool:
        """True when so many can speak at once and none is late."""
        return self.load(sessions, pixels).fits

    def _engine_load(self, sessions: int) -> float:
        # A batch that was measured on a quiet machine can make many look cheaper than few.
        return max((n * self._cost(n) for n in range(1, sessions + 1)), default=0.0)

    def _cost(self, sessions: int) -> float:
        """Seconds of the engine's thread per second of one session's speech."""
        meeting = _meeting(sessions)
        sampling = 0.0
        if self._sampling:
            smaller = [count for count in self._sampling if count <= meeting]
            at = max(smaller, default=min(self._sampling))
            sampling = _typical(self._sampling[at])
        return (sampling + _typical(self._decoding)) / self._seconds


def _meeting(sessions: int) -> int:
    """They do not speak in step: about half of them meet in a pass."""
    return (sessions + 1) // 2


def _recent() -> Recent:
    return deque(maxlen=_REMEMBERED)


def _typical(measured: Recent) -> float:
    return median(measured) if measured else 0.0
