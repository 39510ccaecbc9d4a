"""`prepare` and `train`: from videos and sentences to a model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer

from jamflow_rt.cli.terminal import counter, say_so
from jamflow_rt.errors import InvalidInput, NotSupported

_MOUTH_TEMPERATURE = 0.2
"""Lips from sound alone agree better with real ones: on 20 kept-out clips, early in training, 0.83
at 1, 0.85 at 0.6, 0.86 at 0.3."""
ASSETS = Path(__file__).resolve().parent.parent / "assets" / "portraits"

# Heavy imports (torch, the models) stand inside the commands: --help answers at once.


class Stage(StrEnum):
    """Stages of training, in their order."""

    corpus = "corpus"
    motion = "motion"
    vocoder = "vocoder"
    durations = "durations"
    joint = "joint"
    distil = "distil"
    halve = "halve"
    everything = "all"
    recipe = "recipe"


def prepare(
    video_dir: Annotated[Path, typer.Argument(help="Folder of .mp4 clips of one speaker, 25 fps.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the motion space and its clips.")
    ],
    landmarker: Annotated[
        Path, typer.Option("--landmarker", help="Google's face_landmarker.task.")
    ],
    transcripts: Annotated[
        Path | None,
        typer.Option("--transcripts", help="Timed words; if not given, align.json in VIDEO_DIR."),
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option("--space", help="A model's motion.safetensors to use instead of fitting."),
    ] = None,
    shards: Annotated[
        bool,
        typer.Option("--shards", help="Any faces, for `train recipe`: filtered, as shards."),
    ] = False,
    motion: Annotated[
        str, typer.Option("--motion", help="With --shards: mesh, or liveportrait.")
    ] = "mesh",
    liveportrait: Annotated[
        Path | None,
        typer.Option("--liveportrait", help="LivePortrait's published folder, or a bundle's file."),
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="With --shards: videos at the same time.")
    ] = 1,
    whisper: Annotated[
        bool,
        typer.Option("--whisper/--no-whisper", help="Write down what has no transcript."),
    ] = True,
) -> None:
    """Track the faces of VIDEO_DIR and fit the motion space; or, with --shards, make shards.

    For a model that is to go on learning, its motion space is given.
    """
    if shards:
        _prepare_shards(
            video_dir, output, landmarker, space, motion, liveportrait, processes, whisper
        )
        return
    from safetensors.numpy import load_file

    from jamflow_rt.track.tracker import Tracker
    from jamflow_rt.train.prepare import build_motion, read_space, read_transcripts, track_folder

    if not video_dir.is_dir():
        raise InvalidInput(f"{video_dir} is no folder.")
    canonical = load_file(ASSETS / "canonical_face.safetensors")["xyz"]
    words = read_transcripts(transcripts or video_dir / "align.json")
    known = None if space is None else read_space(space)
    with counter() as count:
        tracked = track_folder(
            video_dir, Tracker(landmarker), output / "tracks", partial(count, "tracking")
        )
    made = build_motion(tracked, words, canonical, output, known)
    say_so(f"{output}: {len(tracked)} clips, {made.size} numbers a motion frame")


def _prepare_shards(
    video_dir: Path,
    output: Path,
    landmarker: Path,
    space: Path | None,
    motion: str,
    liveportrait: Path | None,
    processes: int,
    whisper: bool,
) -> None:
    from jamflow_rt.bundle import EMBEDDED
    from jamflow_rt.preparation.run import Plan, prepare_shards

    if motion not in ("mesh", "liveportrait"):
        raise InvalidInput(f"--motion is mesh or liveportrait, not {motion!r}.")
    if (motion == "liveportrait") != (liveportrait is not None):
        raise InvalidInput(
            "--motion liveportrait needs --liveportrait with its weights, and mesh does not take "
            "it: `jamflow-rt doctor` says where they are published."
        )
    plan = Plan(
        videos=video_dir,
        output=output,
        landmarker=landmarker,
        space=space or EMBEDDED / "motion.safetensors",
        liveportrait=liveportrait,
        recognise=whisper,
    )
    with counter() as count:
        index, report = prepare_shards(plan, processes, partial(count, "preparing"))
    say_so(
        f"{output}: {index.clips} of {report.videos} videos, {index.seconds / 60:.1f} minutes; "
        f"{output / 'report.html'} says why the others were left out"
    )


def train(
    stage: Annotated[Stage, typer.Argument(help="What to train.", show_choices=True)],
    work: Annotated[
        Path, typer.Option("--work", help="Folder for the corpus, checkpoints and curves.")
    ] = Path("runs"),
    prepared: Annotated[
        Path, typer.Option("--prepared", help="What `jamflow-rt prepare` wrote.")
    ] = Path("runs/prepared"),
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder of the model that comes of it.")
    ] = Path("runs/model"),
    sentences: Annotated[
        Path | None, typer.Option("--sentences", help="Stage corpus: text file, one a line.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--count", min=1, help="Stage corpus: how many, other than the recipe's."),
    ] = None,
    voice: Annotated[
        str | None,
        typer.Option("--voice", help="Stage corpus: which voice says them; if not given, all."),
    ] = None,
    kokoro_voices: Annotated[
        Path | None,
        typer.Option("--kokoro-voices", help="Stage corpus: `voices` of npm's kokoro-js 1.2.1."),
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Stage corpus: shards at the same time.")
    ] = 2,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Other than the recipe's number of steps.")
    ] = None,
    config: Annotated[
        str | None,
        typer.Option("--config", help="Stage recipe: a YAML file, or a shipped recipe's name."),
    ] = None,
    shards: Annotated[
        Path | None, typer.Option("--shards", help="Stage recipe: folder of prepared clips.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Stage recipe: over the file's numbers."),
    ] = None,
) -> None:
    """Train one stage, or all; what was broken off resumes.

    Their order: corpus, motion, vocoder, durations, joint, distil, halve. `recipe` stands for
    itself: it trains on shards by the numbers of a YAML file.
    """
    job = _Job(work, prepared, output, steps)
    in_order = {
        Stage.corpus: partial(_corpus, job, sentences, count, voice, kokoro_voices, processes)
    } | {name: partial(run, job) for name, run in _STAGES.items()}
    stages = in_order | {Stage.recipe: partial(_recipe, job, config, shards, settings or [])}
    try:
        for name in in_order if stage is Stage.everything else [stage]:
            start = monotonic()
            stages[name]()
            say_so(f"{name}: {timedelta(seconds=round(monotonic() - start))}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("jamflow_rt"):
            raise
        raise NotSupported(f"Training needs {error.name}: run `make train-env`.") from error


@dataclass(frozen=True, slots=True)
class _Job:
    """What the options say."""

    work: Path
    prepared: Path
    output: Path
    steps: int | None

    @property
    def corpus(self) -> Path:
        return self.work / "corpus"

    @property
    def taught(self) -> Path:
        """What the joint stage writes and the distil stage learns from."""
        return self.work / "joint" / "model.safetensors"

    @property
    def distilled(self) -> Path:
        """What the distil stage writes and the halve stage learns from."""
        return self.work / "distil" / "model.safetensors"

    @property
    def recipe(self) -> dict[str, Any]:
        return {} if self.steps is None else {"steps": self.steps}


def _corpus(
    job: _Job,
    sentences: Path | None,
    count: int | None,
    voice: str | None,
    kokoro_voices: Path | None,
    processes: int,
) -> None:
    from jamflow_rt.train.corpus import build_corpus
    from jamflow_rt.train.teachers import VOICES, voice_named

    if sentences is None:
        raise InvalidInput("The corpus is made of sentences: give --sentences FILE, one a line.")
    for teacher in VOICES if voice is None else [voice_named(voice)]:
        with counter() as progress:
            hours = build_corpus(
                sentences,
                job.corpus,
                count or teacher.sentences,
                teacher.name,
                kokoro_voices,
                processes,
                progress,
            )
        say_so(f"{job.corpus / teacher.name}: {hours:.2f} h of sound written")


def _recipe(job: _Job, config: str | None, shards: Path | None, settings: list[str]) -> None:
    from jamflow_rt.train.scale.run import train_recipe

    if config is None or shards is None:
        raise InvalidInput("Give a recipe and clips: --config FILE or NAME, and --shards DIR.")
    more = [] if job.steps is None else [f"steps={job.steps}"]
    folder = train_recipe(config, shards, job.work, [*settings, *more])
    say_so(f"{folder / 'model.safetensors'} is what was learned")


def _motion(job: _Job) -> None:
    from jamflow_rt.train.teacher_motion import train_and_apply

    with counter() as count:
        error = train_and_apply(job.prepared, job.corpus, count, **job.recipe)
    say_so(f"mean error on clips kept out: {error:.3f} standard deviations")


def _vocoder(job: _Job) -> None:
    from jamflow_rt.train.vocoder import VocoderRecipe, train_vocoder

    job.output.mkdir(parents=True, exist_ok=True)
    train_vocoder(
        job.corpus,
        job.work / "vocoder",
        job.output / "vocoder.safetensors",
        VocoderRecipe(**job.recipe),
    )


def _durations(job: _Job) -> None:
    from jamflow_rt.train.durations import DurationTraining, train_durations

    report = train_durations(
        job.corpus,
        job.output / "durations.safetensors",
        job.work / "durations",
        DurationTraining(**job.recipe),
    )
    say_so(f"error {report.error_ms:.1f} ms a phoneme, correlation {report.correlation:.3f}")


def _joint(job: _Job) -> None:
    from jamflow_rt.bundle import BundleSettings
    from jamflow_rt.codec.motion import MotionSpace
    from jamflow_rt.config import SamplingConfig
    from jamflow_rt.train.joint import JointRecipe, train_joint
    from jamflow_rt.train.sound_data import corpus_voices

    # With these two beside the weights of all stages the folder is a bundle.
    job.output.mkdir(parents=True, exist_ok=True)
    MotionSpace.load(job.prepared / "motion.safetensors").save(job.output / "motion.safetensors")
    settings = job.output / "bundle.json"
    if not settings.exists():
        made = BundleSettings(
            name=job.output.name,
            voices=corpus_voices(job.corpus),
            sampling=SamplingConfig(mouth_temperature=_MOUTH_TEMPERATURE),
        )
        settings.write_text(made.model_dump_json(indent=2) + "\n", "utf-8")
    train_joint(job.corpus, job.prepared, job.work / "joint", job.taught, JointRecipe(**job.recipe))
    shutil.copyfile(job.taught, job.output / "model.safetensors")


def _distil(job: _Job) -> None:
    from jamflow_rt.train.distil import DistilRecipe, train_distil

    _require(job.taught, "joint")
    recipe = DistilRecipe(**job.recipe)
    train_distil(job.corpus, job.prepared, job.distilled.parent, job.taught, job.distilled, recipe)
    _take_over(job, job.distilled, evaluations=max(recipe.evaluations))


def _halve(job: _Job) -> None:
    from jamflow_rt.train.distil import HALVING, train_distil

    _require(job.distilled, "distil")
    recipe = replace(HALVING, **job.recipe)
    made = job.work / "halve" / "model.safetensors"
    train_distil(job.corpus, job.prepared, made.parent, job.distilled, made, recipe)
    _take_over(job, made, evaluations=max(recipe.evaluations))


def _require(weights: Path, stage: str) -> None:
    if not weights.exists():
        raise InvalidInput(f"{weights} is missing; run `jamflow-rt train {stage}` first.")


def _take_over(job: _Job, weights: Path, evaluations: int) -> None:
    """Put distilled weights into the bundle, and how they are to be sampled."""
    from jamflow_rt.bundle import BundleSettings

    settings = job.output / "bundle.json"
    _require(settings, "joint")
    shutil.copyfile(weights, job.output / "model.safetensors")
    made = BundleSettings.model_validate_json(settings.read_text("utf-8"))
    sampling = made.sampling.model_copy(update={"distilled": True, "evaluations": evaluations})
    made = made.model_copy(update={"sampling": sampling})
    settings.write_text(made.model_dump_json(indent=2) + "\n", "utf-8")


_STAGES: dict[Stage, Callable[[_Job], None]] = {
    Stage.motion: _motion,
    Stage.vocoder: _vocoder,
    Stage.durations: _durations,
    Stage.joint: _joint,
    Stage.distil: _distil,
    Stage.halve: _halve,
}
