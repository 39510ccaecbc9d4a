"""The plots of a report's page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jamflow_rt.errors import NotSupported
from jamflow_rt.evaluate.report import Report
from jamflow_rt.evaluate.sync import MOST_SHIFT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Align = Literal["left", "mid"]
Draw = Callable[["Axes"], None]
Curves = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def plots(report: Report) -> Iterator[tuple[str, str, Draw]]:
    """(file, caption, what draws it) of everything that can be drawn."""
    lines = report.ours.lines
    scores = [line.quality for line in lines if line.quality is not None]
    if scores:
        yield "quality.png", "DistillMOS of the sentences", partial(_counts, scores, 20, "mid")
    errors = [line.word_errors for line in lines if line.word_errors is not None]
    if errors:
        bins = range(max(errors) + 2)
        yield "words.png", "Word errors of the sentences", partial(_counts, errors, bins, "left")
    both = {"ours": report.ours, "real": report.real}
    shifts = [40 * n for n in range(-MOST_SHIFT, MOST_SHIFT + 1)]
    syncs = {name: (shifts, s.sync.syllables) for name, s in both.items() if s and s.sync}
    if syncs:
        caption = "Loudness and lip gap of syllables: correlation against the delay of the lips, ms"
        yield "sync.png", caption, partial(_lines, syncs)
    lips = {name: (s.lips.closed, s.lips.chance) for name, s in both.items() if s and s.lips}
    if lips:
        places = ("at p, b, m", "at other phonemes")
        yield "lips.png", "Share of phonemes at which the lips close", partial(_bars, lips, places)
    for name, caption, field in (
        ("curve_words.png", "Word error rate", "word_error_rate"),
        ("curve_quality.png", "DistillMOS", "quality"),
    ):
        if curves := _curves(report, field):
            yield name, f"{caption} against network calls a window", partial(_lines, curves)


def save(path: Path, draw: Draw) -> None:
    """Draw into a PNG.

    Raises:
        NotSupported: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise NotSupported("Plots need matplotlib: run `make evaluate-env`.") from error
    figure = Figure(figsize=(5, 3), layout="constrained")
    draw(figure.subplots())
    figure.savefig(str(path), dpi=130)


def _curves(report: Report, field: str) -> Curves:
    """Guidance → (network calls, the figure)."""
    curves = {}
    for guidance in sorted({point.guidance for point in report.curve}):
        points = [p for p in report.curve if p.guidance == guidance]
        points = [p for p in points if getattr(p, field) is not None]
        if points:
            values = [float(getattr(p, field)) for p in points]
            curves[f"guidance {guidance:g}"] = ([float(p.calls) for p in points], values)
    return curves


def _counts(values: Sequence[float], bins: int | Sequence[int], align: Align, axes: Axes) -> None:
    axes.hist(values, bins=bins, align=align)


def _lines(curves: Curves, axes: Axes) -> None:
    for name, (x, y) in curves.items():
        axes.plot(x, y, marker="o", label=name)
    if len(curves) > 1:
        axes.legend()


def _bars(groups: Mapping[str, Sequence[float]], names: Sequence[str], axes: Axes) -> None:
    width = 0.8 / len(groups)
    for index, (name, values) in enumerate(groups.items()):
        axes.bar([n + index * width for n in range(len(values))], values, width, label=name)
    axes.set_xticks([n + (len(groups) - 1) * width / 2 for n in range(len(names))], names)
    if len(groups) > 1:
        axes.legend()
