"""A report as a web page: figures, plots, and samples to hear and see."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jamflow_rt.beats import MOTION_RATE, SAMPLES_PER_MOTION
from jamflow_rt.errors import NotSupported
from jamflow_rt.evaluate.report import Report
from jamflow_rt.evaluate.sync import MOST_SHIFT
from jamflow_rt.evaluate.take import Take
from jamflow_rt.record import record, write_wav
from jamflow_rt.render.renderer import Renderer
from jamflow_rt.stream.media import Frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ padding: .3rem .6rem; border-bottom: 1px solid #ddd; text-align: left; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.plots, .samples {{ display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }}
img, video {{ width: 100%; border-radius: .5rem; }}
figure {{ margin: 0; }} figcaption {{ color: #555; }}
</style>
<h1>{title}</h1>
"""


def write_page(
    report: Report, samples: Sequence[Take], renderer: Renderer | None, folder: Path
) -> Path:
    """Write `index.html` with its plots and samples into `folder`, which is made if missing.

    Args:
        report: the figures.
        samples: takes to hear and, where they have faces and there is a renderer, to see.
        renderer: draws the samples.
        folder: where to.

    Returns:
        The page.

    Raises:
        NotSupported: matplotlib is not installed.
        InvalidInput: there is no place to write to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    title = f"jamflow-rt: {report.sentences} sentences"
    parts = [_HEAD.format(title=html.escape(title)), "<table>"]
    for name, value in report.rows():
        parts.append(f"<tr><td>{html.escape(name)}<td class=number>{html.escape(value)}")
    parts.append("</table><h2>Plots</h2><div class=plots>")
    for name, caption, draw in _plots(report):
        _save(folder / name, draw)
        parts.append(
            f'<figure><img src="{name}" alt=""><figcaption>{caption}</figcaption></figure>'
        )
    parts.append("</div><h2>Samples</h2><div class=samples>")
    for index, take in enumerate(samples):
        if renderer is not None and take.faces:
            name, player = f"sample{index}.mp4", "video"
            record(_frames(take, renderer), folder / name)
        else:
            name, player = f"sample{index}.wav", "audio"
            write_wav(take.sound, folder / name)
        parts.append(
            f'<figure><{player} controls src="{name}"></{player}>'
            f"<figcaption>{html.escape(take.text)}</figcaption></figure>"
        )
    parts.append("</div><h2>Sentences</h2><table><tr><th>text<th>heard<th>errors<th>DistillMOS")
    for line in report.lines:
        quality = "" if line.quality is None else f"{line.quality:.2f}"
        errors = "" if line.word_errors is None else str(line.word_errors)
        parts.append(
            f"<tr><td>{html.escape(line.text)}<td>{html.escape(line.heard or '')}"
            f"<td class=number>{errors}<td class=number>{quality}"
        )
    parts.append("</table>")
    page = folder / "index.html"
    page.write_text("\n".join(parts) + "\n", "utf-8")
    return page


def _frames(take: Take, renderer: Renderer) -> Iterator[Frame]:
    for index, face in enumerate(take.faces):
        sound = take.sound[index * SAMPLES_PER_MOTION : (index + 1) * SAMPLES_PER_MOTION]
        yield Frame(index / MOTION_RATE, renderer.render(face), sound, face, None, 0)


def _plots(report: Report) -> Iterator[tuple[str, str, Callable[[Axes], object]]]:
    """(file, caption, what draws it) of everything that can be drawn."""
    scores = [line.quality for line in report.lines if line.quality is not None]
    if scores:
        yield "quality.png", "DistillMOS of the sentences", lambda axes: axes.hist(scores, bins=20)
    errors = [line.word_errors for line in report.lines if line.word_errors is not None]
    if errors:
        bins = range(max(errors) + 2)
        yield (
            "words.png",
            "Word errors of the sentences",
            lambda axes: axes.hist(errors, bins=bins, align="left"),
        )
    if report.sync is not None:
        shifts = [40 * n for n in range(-MOST_SHIFT, MOST_SHIFT + 1)]
        values = report.sync.correlations
        yield (
            "sync.png",
            "Loudness and lip gap: correlation against the delay of the lips in ms",
            lambda axes: axes.plot(shifts, values, marker="o"),
        )


def _save(path: Path, draw: Callable[[Axes], object]) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise NotSupported("Plots need matplotlib: run `make evaluate-env`.") from error
    figure = Figure(figsize=(5, 3), layout="constrained")
    draw(figure.subplots())
    figure.savefig(str(path), dpi=130)
