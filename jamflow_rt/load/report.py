"""What a load test found: as tables, and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.table import Table

from jamflow_rt.load.plan import LoadMedia, LoadPlan
from jamflow_rt.load.punctuality import LATE
from jamflow_rt.load.tally import Spread, Tally, pooled


@dataclass(frozen=True, slots=True)
class Level:
    """So many clients at once."""

    tallies: tuple[Tally, ...]
    """One of each client."""
    own_cores: float
    """Cores that the load test itself kept busy. Near 1, its own figures are in doubt: it has one
    thread for all that is not decoding."""
    own_lag: float = 0.0
    """Seconds, the longest time for which the load test could do nothing. Much more than a frame,
    and what it found late was not the server's doing."""

    @property
    def served(self) -> int:
        """Clients that got a frame."""
        return sum(bool(tally.connects) for tally in self.tallies)

    def json(self) -> dict[str, Any]:
        """As plain data: what all found together, and each by itself."""
        return {
            "clients": len(self.tallies),
            "served": self.served,
            "own_cores": round(self.own_cores, 2),
            "own_lag_ms": round(1000 * self.own_lag, 1),
            **pooled(self.tallies).json(),
            "each": [tally.json() for tally in self.tallies],
        }


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The levels of each media mode."""

    plan: LoadPlan
    levels: dict[LoadMedia, list[Level]] = field(default_factory=dict)

    @property
    def served(self) -> int:
        """Clients that got a frame, in all."""
        return sum(level.served for levels in self.levels.values() for level in levels)

    def json(self) -> str:
        """Everything, as one JSON object. It holds no secrets."""
        content = {
            "url": self.plan.url,
            "seconds": self.plan.seconds,
            "machine": {"cores": os.cpu_count() or 1},
            "media": {
                media: [level.json() for level in levels] for media, levels in self.levels.items()
            },
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)

    def tables(self) -> list[Table]:
        """For people: one table a media mode, one row a number of clients."""
        return [self._table(media, levels) for media, levels in self.levels.items()]

    def _table(self, media: LoadMedia, levels: Sequence[Level]) -> Table:
        table = Table(
            title=f"{media}: {self.plan.seconds:g} s a client; ms: median/95 %/worst",
            caption=_told(levels),
            caption_justify="left",
            box=box.SIMPLE,
            pad_edge=False,
        )
        table.add_column("clients", justify="right", no_wrap=True)
        for name in ("connect", "first sound", "silence"):
            table.add_column(name, justify="right", no_wrap=True)
        for name in ("under-\nruns", "late", "frames\n/s", "kB\n/s"):
            table.add_column(name, justify="right", overflow="fold")
        table.add_column("unheard/\nerrors/\nrefused", justify="right")
        table.add_column("own\ncores", justify="right")
        for level in levels:
            table.add_row(*_cells(level))
        return table


def _cells(level: Level) -> list[str]:
    together = pooled(level.tallies)
    count = len(level.tallies)
    cells = [str(count) if level.served == count else f"{level.served} of {count}"]
    for seconds in (together.connects, together.waits, together.silences):
        spread = Spread.of(seconds)
        cells.append("" if spread is None else spread.text)
    if level.served:
        late = together.late / together.pieces if together.pieces else 0.0
        cells += [
            str(together.underruns),
            f"{late:.1%}",
            f"{together.rate:.1f}",
            f"{together.bytes_rate / 1000:.1f}",
        ]
    else:
        cells += [""] * 4
    troubles = f"{together.unheard}/{together.errors}/{together.refusals}"
    return [*cells, troubles, f"{level.own_cores:.2f}"]


def _told(levels: Sequence[Level]) -> str | None:
    """What the server, or we, had to say of it."""
    told = pooled(tally for level in levels for tally in level.tallies).told
    lines = [f"{count} times: {message}" for message, count in told.most_common()]
    lag = max((level.own_lag for level in levels), default=0.0)
    if lag > LATE:
        lines.append(
            f"The load test itself was held up for up to {1000 * lag:.0f} ms: what was late then "
            "may not be the server's doing."
        )
    return "\n".join(lines) or None
