"""`evaluate` and `bench`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from jamflow_rt.cli.terminal import Model, Portrait, Voice, progress, renderer_for, say_so
from jamflow_rt.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from jamflow_rt.codec.face import FaceState
    from jamflow_rt.evaluate.take import Take

_SAMPLES = 6
"""Takes that a page lets one hear and see."""

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
    evaluations: Annotated[
        int | None, typer.Option("--evaluations", min=1, max=64, help="Euler steps a window.")
    ] = None,
    windows: Annotated[
        bool, typer.Option("--windows/--whole", help="In streamed windows, or in one piece.")
    ] = True,
    audio_dir: Annotated[
        Path | None,
        typer.Option("--audio-dir", help="Score these sound files instead, in order of names."),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Folder to write each sentence's WAV to.")
    ] = None,
    prepared: Annotated[
        Path | None,
        typer.Option(
            "--prepared", help="What `jamflow-rt prepare` wrote: real faces to compare with."
        ),
    ] = None,
    portrait: Portrait = None,
    voice: Voice = None,
    model: Model = None,
) -> None:
    """Measure words, quality, lips and clicks on the sentences of a file."""
    from jamflow_rt.evaluate.page import write_page
    from jamflow_rt.evaluate.quality import DistillMos
    from jamflow_rt.evaluate.recogniser import Recogniser
    from jamflow_rt.evaluate.report import evaluate as score
    from jamflow_rt.evaluate.take import read_sentences, takes_from_folder

    lines = read_sentences(sentences, limit)
    listener, judge = Recogniser(), DistillMos()
    settings: dict[str, object] = {"sentences": sentences.name}
    samples: list[Take] = []
    renderer = None
    if audio_dir is not None:
        takes = _sampled(takes_from_folder(audio_dir, lines), samples)
        shown = progress(takes, len(lines), "evaluating")
        report = score(shown, listener=listener, judge=judge, settings=settings)
    else:
        from jamflow_rt.bundle import Bundle
        from jamflow_rt.evaluate.listening import measure_listening
        from jamflow_rt.evaluate.synthesis import Synthesiser

        bundle = Bundle.load(model)
        synthesise = Synthesiser(bundle, evaluations=evaluations, whole=not windows, voice=voice)
        real = _real_clips(prepared) if prepared is not None else []
        made = (synthesise(line, seed) for seed, line in enumerate(lines))
        shown = progress(_sampled(_kept(made, keep), samples), len(lines), "evaluating")
        renderer = renderer_for(bundle, portrait)
        settings |= {
            "windows": windows,
            "voice": bundle.voice(voice).name,
            "evaluations": evaluations or bundle.sampling.evaluations,
        }
        report = score(
            shown,
            listener=listener,
            judge=judge,
            renderer=renderer,
            real_faces=[faces for _, faces in real],
            listening=measure_listening(real, synthesise.listen),
            settings=settings,
        )
    if output is not None:
        report.write(output)
    if page is not None:
        say_so(f"{write_page(report, samples, renderer, page)}: written")
    Console().print(report.table())


def bench(
    trials: Annotated[int, typer.Option("--trials", min=1, help="Trials of the wait.")] = 20,
    portrait: Portrait = None,
    model: Model = None,
) -> None:
    """Measure the speed on this machine: the wait before a speech, and its cost."""
    from jamflow_rt.bundle import Bundle
    from jamflow_rt.evaluate.speed import bench as measure
    from jamflow_rt.model.threads import apart

    bundle = apart(lambda: Bundle.load(model))
    found = measure(
        bundle,
        renderer_for(bundle, portrait),
        trials=trials,
        progress=lambda stage: say_so(f"Measuring: {stage} …"),
    )
    for table in found.tables():
        Console().print(table)


def _real_clips(prepared: Path) -> list[tuple[NDArray[np.float32], list[FaceState]]]:
    """Sound and faces of the clips that training never saw."""
    from jamflow_rt.codec.motion import MotionSpace
    from jamflow_rt.train.teacher_motion import HELD_OUT_CLIPS, read_clips

    clips = read_clips(prepared)[-HELD_OUT_CLIPS:]
    if not clips:
        raise InvalidInput(f"{prepared} holds no clips: run `jamflow-rt prepare` first.")
    space = MotionSpace.load(prepared / "motion.safetensors")
    return [(sound, space.decode(latents)) for latents, sound, _ in clips]


def _kept(takes: Iterable[Take], folder: Path | None) -> Iterator[Take]:
    from jamflow_rt.record import write_wav

    for index, take in enumerate(takes):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            write_wav(take.sound, folder / f"{index:04}.wav")
        yield take


def _sampled(takes: Iterable[Take], samples: list[Take]) -> Iterator[Take]:
    """The takes; the first ones also go into `samples`."""
    for take in takes:
        if len(samples) < _SAMPLES:
            samples.append(take)
        yield take
