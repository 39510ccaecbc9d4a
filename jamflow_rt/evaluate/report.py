"""Scores of a set of takes: the numbers, as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.clicks import Clicks, measure_clicks
from jamflow_rt.evaluate.lips import DrawnLandmarks, Lips, lip_gaps, measure_lips
from jamflow_rt.evaluate.listening import Listening
from jamflow_rt.evaluate.motion import Motion, measure_motion
from jamflow_rt.evaluate.sync import Sync, measure_sync
from jamflow_rt.evaluate.take import Take
from jamflow_rt.evaluate.words import ErrorCount, character_errors, word_errors

Listener = Callable[[NDArray[np.float32]], str]
Judge = Callable[[NDArray[np.float32]], float]


@dataclass(frozen=True, slots=True)
class Line:
    """The scores of one take."""

    text: str
    heard: str | None
    word_errors: int | None
    quality: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What `jamflow-rt evaluate` found."""

    sentences: int
    seconds: float
    word_error_rate: float | None
    character_error_rate: float | None
    quality: float | None
    """Mean DistillMOS."""
    lips: Lips | None
    clicks: Clicks | None
    sync: Sync | None = None
    motion: Motion | None = None
    real_motion: Motion | None = None
    """The same figures of real faces, when they were given."""
    listening: Listening | None = None
    settings: dict[str, object] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()

    def write(self, path: Path) -> None:
        """Write everything as JSON.

        Raises:
            InvalidInput: there is no place to write to.
        """
        try:
            path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            raise InvalidInput(f"Cannot write the report {path}: {error.strerror}.") from error

    def table(self) -> Table:
        """The summary for people."""
        table = Table(title=f"{self.sentences} sentences, {self.seconds:.0f} s of sound")
        table.add_column("measure")
        table.add_column("value", justify="right")
        for name, value in self.rows():
            table.add_row(name, value)
        return table

    def rows(self) -> Iterator[tuple[str, str]]:
        """(measure, value) of everything that was measured, as people read it."""
        if self.word_error_rate is not None and self.character_error_rate is not None:
            yield "word error rate (Whisper tiny.en)", f"{self.word_error_rate:.1%}"
            yield "character error rate", f"{self.character_error_rate:.1%}"
        if self.quality is not None:
            yield "DistillMOS", f"{self.quality:.2f}"
        if self.lips is not None:
            yield f"lips closed at p, b, m ({self.lips.bilabials})", f"{self.lips.closed:.1%}"
            yield f"at random other phonemes ({self.lips.others})", f"{self.lips.chance:.1%}"
        if self.clicks is not None:
            yield (
                f"largest jump at {self.clicks.edges} window edges",
                _jump(self.clicks.largest_at_edges),
            )
            yield "99.9th percentile inside windows", _jump(self.clicks.inside_p999)
            yield "largest inside windows", _jump(self.clicks.largest_inside)
            yield "edges above the 99.9th percentile", f"{self.clicks.share_above:.2%}"
            yield (
                "edges that jump more than all within 10 ms (chance: 0.21%)",
                f"{self.clicks.share_sticking_out:.2%}",
            )
        if self.sync is not None:
            yield "loudness and lip gap, correlation", f"{self.sync.correlation:.2f}"
            yield "they agree best with the lips later by", f"{self.sync.peak * 40} ms"
        if self.listening is not None:
            yield (
                f"lips from sound alone, correlation with real ones ({self.listening.clips} clips)",
                f"{self.listening.correlation:.2f}",
            )
        if self.motion is not None:
            real = asdict(self.real_motion) if self.real_motion is not None else {}
            for name, value in asdict(self.motion).items():
                beside = f" (real: {real[name]:.2f})" if real else ""
                yield name.replace("_", " "), f"{value:.2f}{beside}"


def evaluate(
    takes: Iterable[Take],
    *,
    listener: Listener | None = None,
    judge: Judge | None = None,
    renderer: DrawnLandmarks | None = None,
    real_faces: Iterable[Sequence[FaceState]] = (),
    listening: Listening | None = None,
    settings: dict[str, object] | None = None,
) -> Report:
    """Score takes. What has no judge is left out.

    Args:
        takes: may be lazy; each is scored as it comes, and the sound is kept for the click measure.
        listener: sound at 24 kHz → what was heard.
        judge: sound at 24 kHz → opinion score.
        renderer: whose drawn lips are measured.
        real_faces: sequences of a real face, whose motion is measured beside.
        listening: how the lips follow sound alone, if that was measured.
        settings: noted in the report.
    """
    kept: list[Take] = []
    lines: list[Line] = []
    words, characters = ErrorCount(0, 0), ErrorCount(0, 0)
    gaps: list[tuple[Take, NDArray[np.float32]]] = []
    for take in takes:
        heard, errors = None, None
        if listener is not None:
            heard = listener(take.sound)
            errors = word_errors(take.text, heard)
            words += errors
            characters += character_errors(take.text, heard)
        quality = judge(take.sound) if judge is not None else None
        lines.append(
            Line(take.text, heard, errors.errors if errors else None, quality, take.seconds)
        )
        if renderer is not None and take.faces:
            gaps.append((take, lip_gaps(take, renderer)))
        kept.append(take)
    if not kept:
        raise InvalidInput("There is nothing to evaluate: no take came.")
    scores = [line.quality for line in lines if line.quality is not None]
    return Report(
        sentences=len(kept),
        seconds=sum(take.seconds for take in kept),
        word_error_rate=words.rate if listener else None,
        character_error_rate=characters.rate if listener else None,
        quality=float(np.mean(scores)) if scores else None,
        lips=measure_lips(gaps),
        clicks=measure_clicks(kept),
        sync=measure_sync((take.sound, opening) for take, opening in gaps),
        motion=measure_motion(take.faces for take in kept),
        real_motion=measure_motion(real_faces),
        listening=listening,
        settings=settings or {},
        lines=tuple(lines),
    )


def _jump(value: float) -> str:
    return f"{value:.4f}"
