"""From a model and sentences to a report: which takes are made, and who judges them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.bench.cost import measure_cost
from jamflow_rt.bundle import Bundle
from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.beside import EXAMPLES, real_takes, recorded_takes, teacher_takes
from jamflow_rt.evaluate.curve import Progress, measure_curve
from jamflow_rt.evaluate.listening import measure_listening
from jamflow_rt.evaluate.pictures import PictureGallery, PictureJudges, PictureSource
from jamflow_rt.evaluate.report import Report
from jamflow_rt.evaluate.scores import Judges, Scores, score
from jamflow_rt.evaluate.similarity import Similarity
from jamflow_rt.evaluate.synthesis import Synthesiser
from jamflow_rt.evaluate.take import Take
from jamflow_rt.model.threads import apart

_REAL_JUDGED = 20
"""Real clips that are heard and drawn: their voice is nobody's here, a few tell its level."""
_COST_SENTENCES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure, and beside what."""

    sentences: tuple[str, ...]
    windows: bool = True
    """In streamed windows, or each sentence in one piece."""
    compare: bool = False
    """Also in one piece."""
    evaluations: int | None = None
    guidance: float | None = None
    """None is the model's own, as for `evaluations`."""
    curve: tuple[int, ...] = ()
    """Numbers of evaluations to measure quality at."""
    voice: str | None = None
    teacher: bool = False
    """Also the voice's teacher."""
    styles: Path | None = None
    """Folder of Kokoro's voice files, for teachers that need it."""
    prepared: Path | None = None
    """What `jamflow-rt prepare` wrote: real faces."""
    recordings: Path | None = None
    """Folder of sound files with transcripts: the face is moved by their sound alone."""

    def __post_init__(self) -> None:
        if self.compare and not self.windows:
            raise InvalidInput("--compare sets windows beside one piece: leave --whole out.")


def evaluate(
    bundle: Bundle,
    renderer: PictureSource,
    judges: Judges,
    pictures: PictureJudges,
    plan: Plan,
    *,
    progress: Progress = lambda takes, total, what: takes,
    on_take: Callable[[Take], None] = lambda take: None,
) -> Report:
    """Measure a model.

    Args:
        bundle: the model.
        renderer: draws it.
        judges: who listens; a judge of the voice is added when there is a teacher.
        pictures: who looks.
        plan: what to measure.
        progress: shows takes as they come.
        on_take: is given each of our takes.

    Raises:
        InvalidInput: something in the plan cannot be used.
        NotSupported: a package is missing.
    """
    teacher: Scores | None = None
    if plan.teacher:
        judges, teacher = _teacher(bundle, judges, plan, progress)
    real = real_takes(plan.prepared) if plan.prepared is not None else []
    heard_only = replace(judges, listener=None, voice=None)
    synthesise = _synthesiser(bundle, plan, whole=not plan.windows)
    ours = score(
        _told(_shown(_takes(synthesise, plan), plan, progress, "evaluating"), on_take),
        judges,
        renderer,
        PictureGallery(pictures, renderer),
    )
    whole: Scores | None = None
    if plan.compare:
        takes = _takes(_synthesiser(bundle, plan, whole=True), plan)
        whole = score(_shown(takes, plan, progress, "in one piece"), judges, renderer)
    curve = measure_curve(
        bundle,
        plan.sentences,
        judges,
        evaluations=plan.curve,
        guidances=sorted({0.0, synthesise.sampling.guidance}),
        voice=plan.voice,
        progress=progress,
    )
    return Report(
        ours=ours,
        whole=whole,
        teacher=teacher,
        real=_real(real, heard_only, PictureGallery(pictures, renderer), progress),
        heard=_heard(plan, synthesise, renderer, progress),
        listening=measure_listening(_unseen(real), synthesise.listen),
        curve=curve,
        cost=apart(
            lambda: asyncio.run(measure_cost(bundle, renderer, plan.sentences[:_COST_SENTENCES]))
        ),
        needs=pictures.needs,
        settings={
            "windows": plan.windows,
            "voice": bundle.voice(plan.voice).name,
            **synthesise.sampling.model_dump(),
        },
    )


def _synthesiser(bundle: Bundle, plan: Plan, *, whole: bool) -> Synthesiser:
    return Synthesiser(
        bundle,
        evaluations=plan.evaluations,
        guidance=plan.guidance,
        whole=whole,
        voice=plan.voice,
    )


def _takes(synthesise: Synthesiser, plan: Plan) -> Iterator[Take]:
    return (synthesise(line, seed) for seed, line in enumerate(plan.sentences))


def _shown(takes: Iterable[Take], plan: Plan, progress: Progress, what: str) -> Iterable[Take]:
    return progress(takes, len(plan.sentences), what)


def _told(takes: Iterable[Take], on_take: Callable[[Take], None]) -> Iterator[Take]:
    for take in takes:
        on_take(take)
        yield take


def _teacher(
    bundle: Bundle, judges: Judges, plan: Plan, progress: Progress
) -> tuple[Judges, Scores]:
    """Judges who know the teacher's voice, and what the teacher itself scores with them."""
    from jamflow_rt.train.teachers import teacher_for

    teacher = teacher_for(bundle.voice(plan.voice).name, plan.styles)
    examples = teacher_takes(teacher, EXAMPLES, seed=1000)
    judges = replace(judges, voice=Similarity(take.sound for take in examples))
    takes = teacher_takes(teacher, plan.sentences)
    return judges, score(_shown(takes, plan, progress, "teacher"), judges)


def _real(
    takes: list[Take], judges: Judges, gallery: PictureGallery, progress: Progress
) -> Scores | None:
    if not takes:
        return None
    return score(
        progress(takes, len(takes), "real clips"), judges, None, gallery, judged=_REAL_JUDGED
    )


def _heard(
    plan: Plan, synthesise: Synthesiser, renderer: PictureSource, progress: Progress
) -> Scores | None:
    if plan.recordings is None:
        return None
    takes = list(recorded_takes(plan.recordings, synthesise.listen))
    return score(progress(takes, len(takes), "from sound"), Judges(), renderer)


def _unseen(takes: list[Take]) -> Iterator[tuple[NDArray[np.float32], Sequence[FaceState]]]:
    """(sound, faces) of the clips that training never saw."""
    from jamflow_rt.train.teacher_motion import HELD_OUT_CLIPS

    for take in takes[-HELD_OUT_CLIPS:]:
        yield take.sound, take.faces
