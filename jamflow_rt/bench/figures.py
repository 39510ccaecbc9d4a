"""A measured figure, the bar it has to meet, and how many figures become one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure has to reach."""

    limit: float
    at_least: bool = False
    """True when more is better."""

    def met(self, value: float) -> bool:
        """True when `value` is good enough."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a bench."""

    key: str
    """Its name in JSON, unique in its family."""
    name: str
    """Its name for people."""
    value: float
    unit: str = ""
    digits: int = 0
    """Decimals that people are shown."""
    bar: Bar | None = None
    note: str = ""
    """What a reader of the figure should know."""
    made_up: bool = False
    """True when the bar is met by another figure that is as good: one of them is enough."""

    @property
    def ok(self) -> bool | None:
        """Whether the bar is met; None when there is none."""
        return None if self.bar is None else self.made_up or self.bar.met(self.value)

    @property
    def text(self) -> str:
        """The value for people."""
        return self._written(self.value, self.digits)

    @property
    def bar_text(self) -> str:
        """The bar for people."""
        if self.bar is None:
            return ""
        # A bar is a round number: as many decimals as it needs.
        digits = 0 if self.bar.limit == int(self.bar.limit) else 2
        return f"{'≥' if self.bar.at_least else '≤'} {self._written(self.bar.limit, digits)}"

    @property
    def verdict(self) -> str:
        """`ok`, `missed`, or nothing when there is no bar."""
        return {None: "", True: "ok", False: "missed"}[self.ok]

    def json(self) -> dict[str, Any]:
        """The figure as plain data; `null` stands for a value that is not finite."""
        content: dict[str, Any] = {
            "name": self.name,
            "value": self.value if math.isfinite(self.value) else None,
            "unit": self.unit,
        }
        if self.bar is not None:
            content["bar"] = {"at_least" if self.bar.at_least else "at_most": self.bar.limit}
            content["ok"] = self.ok
        if self.note:
            content["note"] = self.note
        return content

    def _written(self, value: float, digits: int) -> str:
        number = f"{value:.{digits}f}"
        return f"{number} {self.unit}" if self.unit else number


def percentile_95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed: the nearest rank, so it was really measured."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def milliseconds(
    key: str,
    name: str,
    seconds: Sequence[float],
    *,
    median_bar: float | None = None,
    late_bar: float | None = None,
    of: str = "trials",
) -> list[Figure]:
    """Median, 95th percentile and worst of a latency.

    Args:
        key: begins the figures' keys.
        name: begins their names.
        seconds: one of each `of`.
        median_bar: milliseconds that the median may take.
        late_bar: milliseconds that the 95th percentile may take.
        of: what was measured so often.
    """
    count = f"{len(seconds)} {of}"

    def figure(which: str, what: str, value: float, limit: float | None) -> Figure:
        return Figure(
            key=f"{key}_{which}",
            name=f"{name}, {what}",
            value=1000 * value,
            unit="ms",
            bar=None if limit is None else Bar(limit),
        )

    return [
        replace(figure("median", "median", median(seconds), median_bar), note=count),
        figure("95th", "95th percentile", percentile_95(seconds), late_bar),
        figure("worst", "worst", max(seconds), None),
    ]
