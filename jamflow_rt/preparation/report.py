"""What became of the videos of a folder: `report.json`, and a page with plots."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from jamflow_rt.config import StrictModel

_CAPTIONS = {
    "seconds": "Seconds of the clips",
    "seen": "Share of frames with a face",
    "speech": "Share of the time with speech",
    "offset": "Lips after the sound, in motion frames of 40 ms",
    "agreement": "Correlation of loudness and lips at that offset",
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
        f'<figure><img src="{name}" alt=""><figcaption>{html.escape(caption)}</figcaption></figure>'
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

    drawn = []
    kept = [outcome for outcome in report.outcomes if outcome.fault is None]
    for figure, caption in _CAPTIONS.items():
        values = [{"seconds": o.seconds, **o.quality}.get(figure) for o in kept]
        known = [value for value in values if value is not None]
        if not known:
            continue
        name = f"report_{figure}.png"
        picture, axes = pyplot.subplots(figsize=(4, 2.6), layout="constrained")
        axes.hist(known, bins=20)
        axes.set_ylabel("clips")
        picture.savefig(folder / name, dpi=100)
        pyplot.close(picture)
        drawn.append((name, caption))
    return drawn
