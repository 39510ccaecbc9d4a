"""What a browser told of sound and picture over time, kept in a file and drawn.

`python -m tests.e2e.sync_series series.json series.png` draws what `measure_sync --series` wrote.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
KINDS = {"audio": "sound", "video": "pictures"}


@dataclass
class Series:
    """Samples as meter.js takes them, and what happened meanwhile, by the page's clock in ms."""

    samples: list[dict[str, Any]] = field(default_factory=list)
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({"samples": self.samples, "events": self.events}))

    @classmethod
    def read(cls, path: Path) -> Series:
        return cls(**json.loads(path.read_text()))

    def minutes(self) -> Floats:
        """When each sample was taken, since the first."""
        times = np.array([sample["at"] for sample in self.samples])
        return (times - times[0]) / 60_000

    def values(self, kind: str, name: str, group: str = "inbound") -> Floats:
        """A figure of one track in each sample; NaN where the browser did not say."""
        reports = [sample[group].get(kind) or {} for sample in self.samples]
        return np.array([report.get(name, np.nan) for report in reports], dtype=np.float64)

    def offsets(self) -> Floats:
        """Milliseconds by which what is heard is newer than what is seen, in each sample."""
        name = "estimatedPlayoutTimestamp"
        return self.values("audio", name) - self.values("video", name)

    def average(self, kind: str, total: str, count: str) -> Floats:
        """What a total grew by per counted thing, between samples a second apart."""
        step = 4
        grown = [self.values(kind, name) for name in (total, count)]
        sums, counts = (np.concatenate([[np.nan] * step, g[step:] - g[:-step]]) for g in grown)
        return sums / np.where(counts > 0, counts, np.nan)

    def report_lag(self, kind: str) -> Floats:
        """Milliseconds that a sender's report was older, by its own account, than its arrival."""
        arrived = self.values(kind, "timestamp", "outbound")
        return arrived - self.values(kind, "remoteTimestamp", "outbound")


def draw(series: Series, path: Path) -> None:
    """Draw the offset above what may explain it."""
    # What only measures does not need it.
    from matplotlib.figure import Figure

    rows: list[tuple[str, Callable[[Axes], None]]] = [
        ("heard before seen, ms", lambda axes: _draw_offset(series, axes)),
        ("buffered, ms", lambda axes: _draw_buffers(series, axes)),
        ("made of sound, ms/s", lambda axes: _draw_concealment(series, axes)),
        ("jitter of arrival, ms", lambda axes: _draw_jitter(series, axes)),
        ("report older, ms", lambda axes: _draw_reports(series, axes)),
    ]
    figure = Figure(figsize=(16, 3 * len(rows)), layout="constrained")
    for axes, (label, fill) in zip(figure.subplots(len(rows), sharex=True), rows, strict=True):
        fill(axes)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", fontsize="small")
    figure.axes[-1].set_xlabel("minutes")
    figure.savefig(path, dpi=70)


def _draw_offset(series: Series, axes: Axes) -> None:
    axes.plot(series.minutes(), series.offsets(), ".-", markersize=2, linewidth=0.5, label="offset")
    start = series.samples[0]["at"]
    gaps = 0
    for at, event in series.events:
        minute = (at - start) / 60_000
        if event["type"] == "click":
            axes.axvline(minute, color="tab:red", alpha=0.3)
        elif event["type"] == "metrics":
            if event["underruns"] > gaps:
                axes.axvline(minute, color="black", linestyle=":")
            gaps = event["underruns"]


def _draw_buffers(series: Series, axes: Axes) -> None:
    for kind, name in KINDS.items():
        for what in ("Delay", "TargetDelay", "MinimumDelay"):
            each = series.average(kind, f"jitterBuffer{what}", "jitterBufferEmittedCount")
            style = "-" if what == "Delay" else ":"
            axes.plot(series.minutes(), 1000 * each, style, label=f"{name}: {what}")


def _draw_concealment(series: Series, axes: Axes) -> None:
    for name in (
        "concealedSamples",
        "insertedSamplesForDeceleration",
        "removedSamplesForAcceleration",
    ):
        grown = np.diff(series.values("audio", name), prepend=np.nan) / 48
        axes.plot(series.minutes(), grown / np.gradient(series.minutes() * 60), label=name)


def _draw_jitter(series: Series, axes: Axes) -> None:
    for kind, name in KINDS.items():
        axes.plot(series.minutes(), 1000 * series.values(kind, "jitter"), label=name)


def _draw_reports(series: Series, axes: Axes) -> None:
    for kind, name in KINDS.items():
        axes.plot(series.minutes(), series.report_lag(kind), ".", label=name)
    events = [(at, event) for at, event in series.events if event["type"] == "metrics"]
    start = series.samples[0]["at"]
    minutes = [(at - start) / 60_000 for at, _ in events]
    axes.plot(minutes, [event["late_ms"] for _, event in events], "x", label="a frame late")


def main() -> None:
    """Draw a file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("series", type=Path)
    parser.add_argument("picture", type=Path)
    given = parser.parse_args()
    draw(Series.read(given.series), given.picture)


if __name__ == "__main__":
    main()
