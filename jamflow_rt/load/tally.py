"""What one client found, and what many found together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from jamflow_rt.bench.figures import percentile_95
from jamflow_rt.errors import JamflowError, Overloaded
from jamflow_rt.load.punctuality import Punctuality


@dataclass(frozen=True, slots=True)
class Spread:
    """A latency that was measured several times; milliseconds."""

    count: int
    median: float
    late: float
    """The 95th percentile."""
    worst: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread | None:
        """The spread of times in seconds; None when there are none."""
        if not seconds:
            return None
        worst = max(seconds)
        return cls(
            len(seconds), 1000 * median(seconds), 1000 * percentile_95(seconds), 1000 * worst
        )

    @property
    def text(self) -> str:
        """For people: median, 95th percentile, worst."""
        return f"{self.median:.0f}/{self.late:.0f}/{self.worst:.0f}"

    def json(self) -> dict[str, float]:
        """As plain data."""
        return {
            "count": self.count,
            "median_ms": round(self.median, 1),
            "95th_ms": round(self.late, 1),
            "worst_ms": round(self.worst, 1),
        }


@dataclass(slots=True)
class Tally:
    """What a client, or several, got. Times in seconds."""

    connects: list[float] = field(default_factory=list)
    """From the asking to the first frame, of each client that got one."""
    waits: list[float] = field(default_factory=list)
    """From `say` to the first sound that is heard."""
    silences: list[float] = field(default_factory=list)
    """From `interrupt` to the last sound that is heard."""
    said: int = 0
    unheard: int = 0
    """Speeches of which nothing was heard."""
    seconds: float = 0.0
    """From the first frame to the end."""
    frames: int = 0
    """Pictures or motion; pieces of sound where there is nothing to see."""
    pieces: int = 0
    """Of sound, that should have come."""
    late: int = 0
    """Of those, the ones that came too late or not at all."""
    gaps: int = 0
    stalls: int = 0
    server_underruns: int = 0
    """What the server says of itself."""
    received: int = 0
    """Bytes."""
    refusals: int = 0
    """Times that the server said it was full, or asked too much of."""
    errors: int = 0
    failure: JamflowError | None = None
    """The first of both."""
    told: Counter[str] = field(default_factory=Counter)
    """Messages of refusals and errors, with how often they came."""

    @property
    def underruns(self) -> int:
        """Gaps and stalls."""
        return self.gaps + self.stalls

    @property
    def rate(self) -> float:
        """Frames a second, of one client."""
        return self.frames / self.seconds if self.seconds else 0.0

    @property
    def bytes_rate(self) -> float:
        """Bytes a second, of one client."""
        return self.received / self.seconds if self.seconds else 0.0

    def note(self, error: JamflowError) -> None:
        """Take note of what went wrong."""
        if isinstance(error, Overloaded):
            self.refusals += 1
        else:
            self.errors += 1
        self.failure = self.failure or error
        self.told[str(error)] += 1

    def take(self, punctuality: Punctuality) -> None:
        """Take over what was counted of the sound."""
        self.pieces = punctuality.pieces + punctuality.missing
        self.late, self.gaps, self.stalls = punctuality.late, punctuality.gaps, punctuality.stalls

    def json(self) -> dict[str, Any]:
        """As plain data; null for what was never measured."""
        return {
            "connect": _json(self.connects),
            "first_sound": _json(self.waits),
            "silence": _json(self.silences),
            "said": self.said,
            "unheard": self.unheard,
            "seconds": round(self.seconds, 2),
            "frames_a_second": round(self.rate, 2),
            "bytes_a_second": round(self.bytes_rate),
            "underruns": self.underruns,
            "gaps": self.gaps,
            "stalls": self.stalls,
            "late": round(self.late / self.pieces, 4) if self.pieces else None,
            "server_underruns": self.server_underruns,
            "refusals": self.refusals,
            "errors": self.errors,
            "told": dict(self.told),
        }


def pooled(tallies: Iterable[Tally]) -> Tally:
    """All that several clients found; the rates are those of one client on average."""
    total = Tally()
    for one in tallies:
        total.connects += one.connects
        total.waits += one.waits
        total.silences += one.silences
        total.said += one.said
        total.unheard += one.unheard
        total.seconds += one.seconds
        total.frames += one.frames
        total.pieces += one.pieces
        total.late += one.late
        total.gaps += one.gaps
        total.stalls += one.stalls
        total.server_underruns += one.server_underruns
        total.received += one.received
        total.refusals += one.refusals
        total.errors += one.errors
        total.told += one.told
    return total


def _json(seconds: Sequence[float]) -> dict[str, float] | None:
    spread = Spread.of(seconds)
    return None if spread is None else spread.json()
