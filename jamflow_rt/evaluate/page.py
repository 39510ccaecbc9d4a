"""A report as a web page: figures, plots, and samples to hear and see."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from jamflow_rt.evaluate.pictures import frames_of
from jamflow_rt.evaluate.plots import plots, save
from jamflow_rt.evaluate.report import CURVE_COLUMNS, Report, curve_texts
from jamflow_rt.evaluate.take import Take
from jamflow_rt.record import record, write_wav
from jamflow_rt.render.renderer import Renderer

_HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ padding: .3rem .6rem; border-bottom: 1px solid #ddd; text-align: left;
  vertical-align: top; }}
td.number {{ text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }}
.plots, .samples {{ display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }}
img, video {{ width: 100%; border-radius: .5rem; }}
p.note {{ color: #555; overflow-wrap: anywhere; }}
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
    title = f"jamflow-rt: {report.ours.sentences} sentences"
    parts = [_HEAD.format(title=html.escape(title)), *_table(report)]
    parts += [f"<p class=note>{html.escape(note)}" for note in report.notes()]
    if report.curve:
        parts += ["<h2>Evaluations</h2>", *_curve_table(report)]
    parts.append("<h2>Plots</h2><div class=plots>")
    for name, caption, draw in plots(report):
        save(folder / name, draw)
        parts.append(
            f'<figure><img src="{name}" alt=""><figcaption>{caption}</figcaption></figure>'
        )
    parts.append("</div><h2>Samples</h2><div class=samples>")
    for index, take in enumerate(samples):
        if renderer is not None and take.faces:
            name, player = f"sample{index}.mp4", "video"
            pictures = (renderer.render(face) for face in take.faces)
            record(frames_of(take, pictures), folder / name)
        else:
            name, player = f"sample{index}.wav", "audio"
            write_wav(take.sound, folder / name)
        parts.append(
            f'<figure><{player} controls src="{name}"></{player}>'
            f"<figcaption>{html.escape(take.text)}</figcaption></figure>"
        )
    parts.append("</div><h2>Sentences</h2><table><tr><th>text<th>heard<th>errors<th>DistillMOS")
    for line in report.ours.lines:
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


def _table(report: Report) -> Iterator[str]:
    columns = report.columns()
    yield "<table><tr><th>measure" + "".join(f"<th>{html.escape(name)}" for name in columns)
    for row in report.rows():
        texts = row.texts()
        cells = [
            f"<td{'' if name == 'published' else ' class=number'}>{html.escape(texts[name])}"
            for name in columns
        ]
        yield f"<tr><td>{html.escape(row.measure)}{''.join(cells)}"
    yield "</table>"


def _curve_table(report: Report) -> Iterator[str]:
    yield "<table><tr>" + "".join(f"<th>{name}" for name in CURVE_COLUMNS)
    for point in report.curve:
        yield "<tr>" + "".join(f"<td class=number>{text}" for text in curve_texts(point))
    yield "</table>"
