"""What became of the videos of a folder: `report.json`, and a page with plots."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jamflow_rt.config import StrictModel
from jamflow_rt.evaluate.sync import MOST_SHIFT


class _Plot(NamedTuple):
    """One figure of all videos."""

    caption: str
    edges: Sequence[float] | int
    """Of its bars; or how many there are."""


_SHARES = [twentieth / 20 for twentieth in range(21)]
_PLOTS = {
    "seconds": _Plot("Seconds", 20),
    "seen": _Plot("Share of frames with a face", _SHARES),
    "speech": _Plot("Share of the time with speech", _SHARES),
    "offset": _Plot(
        "Lips after the sound, motion frames of 40 ms",
        [shift - 0.5 for shift in range(-MOST_SHIFT, MOST_SHIFT + 2)],
    ),
    "agreement": _Plot("Correlation of loudness and lips there", 20),
}


class Outcome(StrictModel):
    """What became of one video."""

    source: str
    seconds: float = 0.0
    quality: Mapping[str, float] = {}
    fault: str | None = None
    """Why it was left out; None when it was kept."""


class Report(StrictModel):
    """What became of all."""

    videos: int
    kept: int
    hours: float
    faults: dict[str, int]
    """Kind of fault → number of videos, the most frequent first."""
    outcomes: tuple[Outcome, ...]

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Report:
        """Count them."""
        every = tuple(outcomes)
        kept = [outcome for outcome in every if outcome.fault is None]
        kinds = Counter((o.fault or "").partition(":")[0] for o in every if o.fault is not None)
        return cls(
            videos=len(every),
            kept=len(kept),
            hours=sum(outcome.seconds for outcome in kept) / 3600,
            faults=dict(kinds.most_common()),
            outcomes=every,
        )


def write_report(report: Report, folder: Path) -> None:
    """Write `report.json` and `report.html`; plots too, where matplotlib is installed."""
    (folder / "report.json").write_text(report.model_dump_json(indent=1) + "\n", "utf-8")
    pictures = _plots(report, folder)
    rows = "".join(
        f"<tr><td>{html.escape(kind)}</td><td>{count}</td></tr>"
        for kind, count in report.faults.items()
    )
    left_out = "".join(
        f"<tr><td>{html.escape(o.source)}</td><td>{html.escape(o.fault)}</td></tr>"
        for o in report.outcomes
        if o.fault is not None
    )
    figures = "".join(
        f'<figure><img src="{name}" alt="{html.escape(caption)}"></figure>'
        for name, caption in pictures
    )
    (folder / "report.html").write_text(
        "<!doctype html><meta charset=utf-8><title>Prepared clips</title>"
        "<style>body{font:16px sans-serif;margin:2em}td{padding:.2em 1em}"
        "figure{display:inline-block;margin:1em}</style>"
        f"<h1>{report.kept} of {report.videos} videos, {report.hours:.2f} h</h1>"
        f"{figures}<h2>Left out</h2><table>{rows}</table><table>{left_out}</table>\n",
        "utf-8",
    )


def _plots(report: Report, folder: Path) -> list[tuple[str, str]]:
    try:
        import matplotlib
    except ImportError:
        return []
    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator

    drawn = []
    for figure, plot in _PLOTS.items():
        values: dict[bool, list[float]] = {True: [], False: []}
        for outcome in report.outcomes:
            value = ({"seconds": outcome.seconds} | dict(outcome.quality)).get(figure)
            if value is not None and outcome.quality:
                values[outcome.fault is None].append(value)
        if not any(values.values()):
            continue
        name = f"report_{figure}.png"
        picture, axes = pyplot.subplots(figsize=(4, 2.6), layout="constrained")
        axes.hist(list(values.values()), bins=plot.edges, stacked=True, label=["kept", "left out"])
        axes.set(xlabel=plot.caption, ylabel="videos")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
        picture.savefig(folder / name, dpi=100)
        pyplot.close(picture)
        drawn.append((name, plot.caption))
    return drawn
