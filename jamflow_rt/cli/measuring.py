"""`evaluate` and `bench`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from jamflow_rt.cli.terminal import Model, Portrait, Voice, progress, renderer_for, say_so
from jamflow_rt.errors import InvalidInput

if TYPE_CHECKING:
    from jamflow_rt.evaluate.take import Take

_SAMPLES = 6
"""Takes that a page lets one hear and see."""
_MOST_EVALUATIONS = 64
_BESIDE = "What stands beside"
_PICTURES = "Measures of the video that need what no package carries"

# Heavy imports (torch, the models) stand inside the commands: --help answers at once.


def evaluate(
    sentences: Annotated[Path, typer.Option("--sentences", help="Text file, one sentence a line.")],
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the first lines.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="JSON report.")] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Folder for a web page with plots and samples.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Folder to write each sentence's WAV to.")
    ] = None,
    audio_dir: Annotated[
        Path | None,
        typer.Option("--audio-dir", help="Score these sound files instead, in order of names."),
    ] = None,
    evaluations: Annotated[
        int | None,
        typer.Option("--evaluations", min=1, max=_MOST_EVALUATIONS, help="Euler steps a window."),
    ] = None,
    guidance: Annotated[
        float | None, typer.Option("--guidance", min=0.0, help="Weight of the text over none.")
    ] = None,
    windows: Annotated[
        bool, typer.Option("--windows/--whole", help="In streamed windows, or in one piece.")
    ] = True,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also in one piece.", rich_help_panel=_BESIDE)
    ] = False,
    curve: Annotated[
        str | None,
        typer.Option("--curve", help="Also with so many steps: 1,2,4,8.", rich_help_panel=_BESIDE),
    ] = None,
    teacher: Annotated[
        bool, typer.Option("--teacher", help="Also the voice's teacher.", rich_help_panel=_BESIDE)
    ] = False,
    styles: Annotated[
        Path | None,
        typer.Option(
            "--kokoro-voices", help="Voice files of teachers but `heart`.", rich_help_panel=_BESIDE
        ),
    ] = None,
    prepared: Annotated[
        Path | None,
        typer.Option(
            "--prepared",
            help="What `jamflow-rt prepare` wrote: also real faces.",
            rich_help_panel=_BESIDE,
        ),
    ] = None,
    recordings: Annotated[
        Path | None,
        typer.Option(
            "--recordings",
            help="Sound files with NAME.txt beside: also the face moved by sound alone.",
            rich_help_panel=_BESIDE,
        ),
    ] = None,
    track: Annotated[
        Path | None,
        typer.Option(
            "--track",
            help="face_landmarker.task: finds the lips in the rendered video.",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="Folder with the networks of LSE-C, LSE-D, FID or FVD.",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference", help="Real videos or pictures for FID, FVD.", rich_help_panel=_PICTURES
        ),
    ] = None,
    portrait: Portrait = None,
    voice: Voice = None,
    model: Model = None,
) -> None:
    """Measure words, quality, voice, lips, motion, clicks and speed on the lines of a file."""
    from jamflow_rt.evaluate.page import write_page
    from jamflow_rt.evaluate.quality import DistillMos, Dnsmos
    from jamflow_rt.evaluate.recogniser import Recogniser
    from jamflow_rt.evaluate.report import Report
    from jamflow_rt.evaluate.scores import Judges, score
    from jamflow_rt.evaluate.take import read_sentences, takes_from_folder

    lines = read_sentences(sentences, limit)
    steps = _numbers(curve)
    judges = Judges(Recogniser(), DistillMos(), Dnsmos())
    samples = _Samples(keep)
    renderer = None
    if audio_dir is not None:
        takes = samples.of(takes_from_folder(audio_dir, lines))
        report = Report(score(progress(takes, len(lines), "evaluating"), judges))
    else:
        from jamflow_rt.bundle import Bundle
        from jamflow_rt.evaluate.evaluation import Plan
        from jamflow_rt.evaluate.evaluation import evaluate as measure
        from jamflow_rt.evaluate.pictures import PictureJudges
        from jamflow_rt.track.tracker import Tracker

        plan = Plan(
            sentences=tuple(lines),
            windows=windows,
            compare=compare,
            evaluations=evaluations,
            guidance=guidance,
            curve=steps,
            voice=voice,
            teacher=teacher,
            styles=styles,
            prepared=prepared,
            recordings=recordings,
        )
        pictures = PictureJudges.load(weights, reference, Tracker(track) if track else None)
        bundle = Bundle.load(model)
        renderer = renderer_for(bundle, portrait)
        report = measure(
            bundle, renderer, judges, pictures, plan, progress=progress, on_take=samples.keep
        )
    report = replace(report, settings={"sentences": sentences.name} | report.settings)
    if output is not None:
        report.write(output)
    if page is not None:
        say_so(f"{write_page(report, samples.first, renderer, page)}: written")
    Console().print(report.table())
    if report.curve:
        Console().print(report.curve_table())


def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="A few minutes instead of half an hour.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of a table.")
    ] = False,
    only: Annotated[
        str | None, typer.Option("--only", help="One family of figures, such as first_frame.")
    ] = None,
    soak: Annotated[
        float,
        typer.Option(
            "--soak", min=0.0, help="Also a conversation of so many minutes, faster than real time."
        ),
    ] = 0.0,
    portrait: Portrait = None,
    model: Model = None,
) -> None:
    """Measure the speed on this machine: waits, costs, sessions at once, memory."""
    from jamflow_rt.bench import plan
    from jamflow_rt.bench.run import bench as measure
    from jamflow_rt.bench.subject import Subject
    from jamflow_rt.bundle import Bundle
    from jamflow_rt.model.threads import apart
    from jamflow_rt.render.open_portrait import open_portrait
    from jamflow_rt.render.portraits import DEFAULT_PORTRAIT

    thoroughly = plan.QUICK if quick else plan.FULL
    found = measure(
        Subject(
            apart(lambda: Bundle.load(model)),
            open_portrait(portrait or DEFAULT_PORTRAIT),
            thoroughly.model_copy(update={"soak_minutes": soak}),
        ),
        only=only,
        progress=lambda family: say_so(f"Measuring: {family} …"),
    )
    if json:
        typer.echo(found.json())
    else:
        Console().print(found.table())


def _numbers(text: str | None) -> tuple[int, ...]:
    """`1,2,4` as numbers of evaluations."""
    if text is None:
        return ()
    try:
        numbers = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        numbers = (0,)
    if numbers[0] < 1 or numbers[-1] > _MOST_EVALUATIONS:
        raise InvalidInput(
            f"--curve wants numbers from 1 to {_MOST_EVALUATIONS} with commas, like 1,2,4,8; not "
            f"{text!r}."
        )
    return numbers


class _Samples:
    """Remembers the first takes for the page, and writes all to a folder if there is one."""

    def __init__(self, folder: Path | None) -> None:
        self.first: list[Take] = []
        self._folder = folder
        self._count = 0

    def keep(self, take: Take) -> None:
        from jamflow_rt.record import write_wav

        if len(self.first) < _SAMPLES:
            self.first.append(take)
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_wav(take.sound, self._folder / f"{self._count:04}.wav")
        self._count += 1

    def of(self, takes: Iterable[Take]) -> Iterator[Take]:
        """The takes, each kept as it passes."""
        for take in takes:
            self.keep(take)
            yield take
