"""A folder of videos → shards: resumable, in several processes, with a report."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.errors import Failed, InvalidInput, JamflowError
from jamflow_rt.preparation.quality import QualityLimits
from jamflow_rt.preparation.report import Outcome, Report, write_report
from jamflow_rt.preparation.video import Align, Rejected, VideoPreparer, key_of, source_of
from jamflow_rt.render.liveportrait.source import VIDEO_SUFFIXES
from jamflow_rt.train.prepare import read_transcripts
from jamflow_rt.train.shard_writer import shard_name, write_index, write_shard
from jamflow_rt.train.shards import Clip, ShardIndex

logger = logging.getLogger(__name__)

PER_SHARD = 64
"""Videos of one shard: some minutes of work, which is what an interruption costs."""
NAME = "clips"
OUTCOMES = "outcomes"
_SILENT = frozenset({"sil", "sp", ""})


@dataclass(frozen=True, slots=True)
class Plan:
    """What every process needs to know."""

    videos: Path
    output: Path
    landmarker: Path
    space: Path
    liveportrait: Path | None = None
    """The published folder or a bundle's file; without it motion is the mesh's."""
    recognise: bool = True
    """Let Whisper write down what has no transcript."""
    limits: QualityLimits = QualityLimits()

    def preparer(self) -> VideoPreparer:
        """Loads the models; each process does so once."""
        from jamflow_rt.codec.motion import MotionSpace
        from jamflow_rt.hear.silero import SileroVad
        from jamflow_rt.model.threads import one_core
        from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
        from jamflow_rt.track.tracker import Tracker

        one_core()
        networks = None
        if self.liveportrait is not None:
            networks = LivePortraitNetworks.load(self.liveportrait)
        return VideoPreparer(
            tracker=Tracker(self.landmarker),
            space=MotionSpace.load(self.space),
            networks=networks,
            activity=SileroVad(),
            listen=_Recogniser() if self.recognise else None,
            limits=self.limits,
        )

    def aligner(self) -> Align | None:
        """Says when each phoneme sounds: models of a mesh read phonemes, others characters."""
        from jamflow_rt.train.forced_alignment import ForcedAligner

        return ForcedAligner() if self.liveportrait is None else None


class _Recogniser:
    """Whisper, loaded when the first video without a transcript comes."""

    def __init__(self) -> None:
        self._listener: Callable[[NDArray[np.float32]], str] | None = None

    def __call__(self, sound: NDArray[np.float32]) -> str:
        if self._listener is None:
            from jamflow_rt.evaluate.recogniser import Recogniser

            self._listener = Recogniser(threads=1)
        return self._listener(sound)


def prepare_shards(
    plan: Plan, processes: int, progress: Callable[[int, int], None]
) -> tuple[ShardIndex, Report]:
    """Prepare a folder; what was prepared before is not prepared again, what is new is added.

    Args:
        plan: what and how.
        processes: at the same time.
        progress: told of shards that are ready, and of how many there will be.

    Raises:
        InvalidInput: there are no videos, or none of them is fit; a setting cannot be used.
        NotSupported: MediaPipe is missing, or Whisper where it is needed.
        Failed: the disk is full, or a process was killed.
    """
    if not plan.videos.is_dir():
        raise InvalidInput(f"{plan.videos} is no folder.")
    paths = sorted(p for p in plan.videos.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES)
    paths = [path for path in paths if path.is_file()]
    if not paths:
        raise InvalidInput(f"{plan.videos} holds no videos ({', '.join(VIDEO_SUFFIXES)}).")
    try:
        (plan.output / OUTCOMES).mkdir(parents=True, exist_ok=True)
        _same_settings(plan)
        _prepare_all(plan, paths, processes, progress)
        for broken_off in plan.output.glob(f".{NAME}-*.part.tar"):
            broken_off.unlink()
        report = Report.of(o for each in _finished(plan).values() for o in each)
        write_report(report, plan.output)
        if not report.kept:
            raise InvalidInput(
                f"None of the {report.videos} videos is fit: {plan.output / 'report.html'} says "
                "why."
            )
        if plan.liveportrait is None:
            # Beside mesh clips lies their space.
            target = plan.output / "motion.safetensors"
            target.write_bytes(plan.space.read_bytes())
        return write_index(plan.output), report
    except OSError as error:
        raise Failed(
            f"{plan.output} could not be written: {error}. Started again, it goes on."
        ) from error


def _prepare_all(
    plan: Plan, paths: list[Path], processes: int, progress: Callable[[int, int], None]
) -> None:
    """Make shards of the videos that are in none yet."""
    finished = _finished(plan)
    known = {outcome.source for outcomes in finished.values() for outcome in outcomes}
    new = [path for path in paths if source_of(path, plan.videos) not in known]
    parts = [new[first : first + PER_SHARD] for first in range(0, len(new), PER_SHARD)]
    numbers = (number for number in count() if number not in finished)
    waiting = list(zip(numbers, parts, strict=False))
    done, total = len(finished), len(finished) + len(waiting)
    progress(done, total)
    if processes == 1:
        for number, part in waiting:
            _prepare(plan, number, part)
            done += 1
            progress(done, total)
    elif waiting:
        pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
        try:
            for future in as_completed([pool.submit(_prepare, plan, *one) for one in waiting]):
                future.result()
                done += 1
                progress(done, total)
        except BrokenProcessPool as error:
            raise Failed(
                "A process was killed while it prepared videos: is there enough memory? Started "
                "again, it goes on; with fewer --processes it takes less."
            ) from error
        finally:
            # What is waiting is not begun after an error.
            pool.shutdown(cancel_futures=True)


_preparers: dict[str, VideoPreparer] = {}


def _prepare(plan: Plan, number: int, paths: list[Path]) -> None:
    """One shard; its outcomes are written last, and say that it is complete."""
    if repr(plan) not in _preparers:
        _preparers.clear()
        _preparers[repr(plan)] = plan.preparer()
    # It remembers a little of what it heard: a shard is the same whatever was prepared before it.
    preparer = replace(_preparers[repr(plan)], align=plan.aligner())
    texts = _texts(plan.videos)
    outcomes: list[Outcome] = []

    def clips() -> Iterator[tuple[str, Clip]]:
        for path in paths:
            source = source_of(path, plan.videos)
            try:
                clip = preparer(path, plan.videos, _text_of(path, texts))
            except Rejected as reason:
                figures = {} if reason.quality is None else reason.quality.figures
                seconds = 0.0 if reason.quality is None else reason.quality.seconds
                outcomes.append(
                    Outcome(source=source, seconds=seconds, quality=figures, fault=str(reason))
                )
                continue
            except JamflowError:
                raise
            except Exception as error:
                # One odd file among many thousands is no reason to end.
                logger.exception("%s could not be prepared", path)
                outcomes.append(Outcome(source=source, fault=f"failed: {error!r}"))
                continue
            outcomes.append(
                Outcome(source=source, seconds=clip.record.seconds, quality=clip.record.quality)
            )
            yield key_of(path, plan.videos), clip

    shard = plan.output / shard_name(NAME, number)
    if not write_shard(shard, clips()):
        shard.unlink()
    draft = _outcomes(plan, number).with_suffix(".tmp")
    draft.write_text(json.dumps([each.model_dump() for each in outcomes]), "utf-8")
    draft.replace(_outcomes(plan, number))


def _same_settings(plan: Plan) -> None:
    """Shards of one folder are made alike.

    Raises:
        InvalidInput: the folder was begun with others.
    """
    motion = "mesh" if plan.liveportrait is None else "liveportrait"
    space = hashlib.sha256(plan.space.read_bytes()).hexdigest()
    settings = {"motion": motion, "limits": plan.limits.model_dump(), "space": space}
    path = plan.output / "settings.json"
    if path.exists() and json.loads(path.read_text("utf-8")) != settings:
        raise InvalidInput(
            f"{plan.output} was begun with other settings ({path.name} tells them): choose another "
            "folder, or delete this one."
        )
    path.write_text(json.dumps(settings), "utf-8")


def _outcomes(plan: Plan, number: int) -> Path:
    return plan.output / OUTCOMES / f"{number:06d}.json"


def _finished(plan: Plan) -> dict[int, list[Outcome]]:
    """Number of each shard that is ready → what became of its videos."""
    return {
        int(path.stem): [Outcome.model_validate(each) for each in json.loads(path.read_bytes())]
        for path in sorted((plan.output / OUTCOMES).glob("*.json"))
    }


def _texts(videos: Path) -> dict[str, str]:
    """What `align.json` says, as GRID has it."""
    path = videos / "align.json"
    if not path.exists():
        return {}
    return {
        name: " ".join(word for _, _, word in words if word not in _SILENT)
        for name, words in read_transcripts(path).items()
    }


def _text_of(path: Path, texts: dict[str, str]) -> str | None:
    written = path.with_suffix(".txt")
    if written.exists():
        try:
            return written.read_text("utf-8")
        except UnicodeDecodeError as error:
            raise Rejected(f"no text: {written.name} is not UTF-8") from error
    return texts.get(path.stem)
