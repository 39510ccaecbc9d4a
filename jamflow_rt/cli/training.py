"""`prepare` and `train`: from videos and sentences to a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from jamflow_rt.cli.terminal import counter, say_so
from jamflow_rt.errors import InvalidInput, NotSupported

ASSETS = Path(__file__).resolve().parent.parent / "assets" / "portraits"

# Heavy imports (torch, the models) stand inside the commands: --help answers at once.


class Stage(StrEnum):
    """Stages of training, in their order."""

    corpus = "corpus"
    motion = "motion"
    vocoder = "vocoder"
    durations = "durations"
    joint = "joint"


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
) -> None:
    """Track the faces of VIDEO_DIR and fit the motion space."""
    from safetensors.numpy import load_file

    from jamflow_rt.train.prepare import build_motion, read_transcripts, track_folder
    from jamflow_rt.train.video import Tracker

    if not video_dir.is_dir():
        raise InvalidInput(f"{video_dir} is no folder.")
    canonical = load_file(ASSETS / "canonical_face.safetensors")["xyz"]
    words = read_transcripts(transcripts or video_dir / "align.json")
    with counter() as count:
        tracked = track_folder(
            video_dir, Tracker(landmarker), output / "tracks", partial(count, "tracking")
        )
    space = build_motion(tracked, words, canonical, output)
    say_so(f"{output}: {len(tracked)} clips, {space.size} numbers a motion frame")


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
        int, typer.Option("--count", min=1, help="Stage corpus: how many sentences.")
    ] = 12_000,
    voice: Annotated[
        str, typer.Option("--voice", help="Stage corpus: which voice says them.")
    ] = "heart",
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
) -> None:
    """Train one stage; it resumes where it stopped. Order: corpus, motion, then any."""
    try:
        job = _Job(work, prepared, output, steps)
        if stage is Stage.corpus:
            _corpus(job, sentences, count, voice, kokoro_voices, processes)
        else:
            _STAGES[stage](job)
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
    def recipe(self) -> dict[str, int]:
        return {} if self.steps is None else {"steps": self.steps}


def _corpus(
    job: _Job,
    sentences: Path | None,
    count: int,
    voice: str,
    kokoro_voices: Path | None,
    processes: int,
) -> None:
    from jamflow_rt.train.corpus import build_corpus

    if sentences is None:
        raise InvalidInput("The corpus is made of sentences: give --sentences FILE, one a line.")
    with counter() as progress:
        hours = build_corpus(
            sentences, job.corpus, count, voice, kokoro_voices, processes, progress
        )
    say_so(f"{job.corpus / voice}: {hours:.2f} h of sound written")


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
    from jamflow_rt.train.joint import JointRecipe, train_joint
    from jamflow_rt.train.sound_data import corpus_voices

    # With these two beside the weights of all stages the folder is a bundle.
    job.output.mkdir(parents=True, exist_ok=True)
    MotionSpace.load(job.prepared / "motion.safetensors").save(job.output / "motion.safetensors")
    settings = job.output / "bundle.json"
    if not settings.exists():
        made = BundleSettings(name=job.output.name, voices=corpus_voices(job.corpus))
        settings.write_text(made.model_dump_json(indent=2) + "\n", "utf-8")
    train_joint(
        job.corpus,
        job.prepared,
        job.work / "joint",
        job.output / "model.safetensors",
        JointRecipe(**job.recipe),
    )


_STAGES: dict[Stage, Callable[[_Job], None]] = {
    Stage.motion: _motion,
    Stage.vocoder: _vocoder,
    Stage.durations: _durations,
    Stage.joint: _joint,
}
