"""The rows of a report: each measure with our figure, and what stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

from jamflow_rt.evaluate.scores import Scores

COLUMNS = ("ours", "in one piece", "teacher", "real", "from sound")
PUBLISHED_NOTE = (
    "Published: JAM-Flow (arXiv 2506.23552), as others quote the paper's tables: words and speaker "
    "(SIM-o) on LibriSpeech-PC test-clean, LSE and FID on HDTF, speed on an RTX A6000. The "
    "sentences, voices, videos and recognisers are others than ours: compare orders of magnitude."
)


@dataclass(frozen=True, slots=True)
class Measure:
    """One row before it has figures."""

    name: str
    at: str
    """Where a `Scores` has the figure: attributes joined by dots."""
    style: str = "{:.2f}"
    published: str = ""
    need: str = ""
    """Key of `PictureJudges.needs`."""


MEASURES = (
    Measure(
        "word error rate (Whisper tiny.en)",
        "word_error_rate",
        "{:.1%}",
        "4.91 % (F5-TTS 2.42 %)",
    ),
    Measure("character error rate", "character_error_rate", "{:.1%}"),
    Measure("DistillMOS", "quality"),
    Measure("DNSMOS, overall", "cleanness"),
    Measure(
        "similarity to the teacher (Resemblyzer)",
        "similarity",
        published="0.64 (F5-TTS 0.66)",
    ),
    Measure("pitch, median (Hz)", "pitch.median", "{:.0f}"),
    Measure("pitch, spread (semitones)", "pitch.spread", "{:.1f}"),
    Measure("final pitch of questions (semitones/s)", "pitch.question_rise", "{:+.1f}"),
    Measure("final pitch of statements (semitones/s)", "pitch.statement_rise", "{:+.1f}"),
    Measure("lips closed at p, b, m", "lips.closed", "{:.1%}"),
    Measure("lips closed elsewhere (chance)", "lips.chance", "{:.1%}"),
    Measure("lips closed at p, b, m, above chance", "lips.above_chance", "{:.1%}"),
    Measure(
        "lips closed above chance, tracked in video",
        "pictures.lips.above_chance",
        "{:.1%}",
        "",
        "tracked",
    ),
    Measure("loudness and lip gap, correlation", "sync.correlation"),
    Measure("lips later than sound by (40 ms frames)", "sync.peak", "{:+.0f}"),
    Measure(
        "lips later than sound by, tracked in video", "pictures.sync.peak", "{:+.0f}", "", "tracked"
    ),
    Measure(
        "LSE-C (SyncNet)",
        "pictures.lse.confidence",
        "{:.2f}",
        "8.09 (image 7.32, real 8.70)",
        "lse",
    ),
    Measure(
        "LSE-D (SyncNet)",
        "pictures.lse.distance",
        "{:.2f}",
        "7.18 (image 7.78, real 6.60)",
        "lse",
    ),
    Measure("FID", "pictures.frame_distance", "{:.1f}", "11.6", "fid"),
    Measure("FVD", "pictures.clip_distance", "{:.0f}", "", "fvd"),
    Measure("lip range (cm)", "motion.lip_range"),
    Measure("lip speed (cm/s)", "motion.lip_speed"),
    Measure("lip roughness", "motion.lip_roughness"),
    Measure("head range (°)", "motion.head_range"),
    Measure("head speed (°/s)", "motion.head_speed"),
    Measure("head roughness", "motion.head_roughness"),
    Measure("brows at emphasised words (mm)", "emphasis.brows", "{:.1f}"),
    Measure("brows elsewhere in speech (mm)", "emphasis.brows_elsewhere", "{:.1f}"),
    Measure("nod at emphasised words (°)", "emphasis.nod", "{:.1f}"),
    Measure("nod elsewhere in speech (°)", "emphasis.nod_elsewhere", "{:.1f}"),
    Measure("blinks a minute", "motion.blinks", "{:.0f}"),
    Measure("window edges", "clicks.edges", "{:.0f}"),
    Measure("largest jump at window edges", "clicks.largest_at_edges", "{:.4f}"),
    Measure("99.9th percentile inside windows", "clicks.inside_p999", "{:.4f}"),
    Measure("largest jump inside windows", "clicks.largest_inside", "{:.4f}"),
    Measure("edges above that percentile", "clicks.share_above", "{:.2%}"),
    Measure(
        "edges above all within 10 ms (chance 0.21%)",
        "clicks.share_sticking_out",
        "{:.2%}",
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A measure with its figures; None where there is none."""

    measure: str
    style: str
    ours: float | None = None
    whole: float | None = None
    """The same sentences, each sampled in one piece."""
    teacher: float | None = None
    """The same sentences by the teacher."""
    real: float | None = None
    """Prepared clips of a real face; for measures of pictures, drawn by our renderer."""
    heard: float | None = None
    """Our face on recordings of others, moved by their sound alone."""
    published: str = ""
    """On other data."""
    needs: str = ""
    """What our figure would need."""

    @property
    def figures(self) -> tuple[float | None, ...]:
        """In the order of `COLUMNS`."""
        return self.ours, self.whole, self.teacher, self.real, self.heard

    @property
    def difference(self) -> float | None:
        """Streamed minus in one piece."""
        if self.ours is None or self.whole is None:
            return None
        return self.ours - self.whole

    def texts(self) -> dict[str, str]:
        """Column → the figure as people read it."""
        shown = ["" if figure is None else self.style.format(figure) for figure in self.figures]
        if self.difference is not None:
            sign = "" if self.difference < 0 else "+"
            shown[1] += f" ({sign}{self.style.replace('+', '').format(self.difference)})"
        if self.ours is None and self.needs:
            shown[0] = "needs weights" if "weights" in self.needs else "not measured"
        return dict(zip(COLUMNS, shown, strict=True)) | {"published": self.published}

    def json(self) -> dict[str, object]:
        """For the report file."""
        return {
            "measure": self.measure,
            "ours": self.ours,
            "whole": self.whole,
            "difference": self.difference,
            "teacher": self.teacher,
            "real": self.real,
            "heard": self.heard,
            "published": self.published,
            "needs": self.needs if self.ours is None else "",
        }


def rows_of(
    ours: Scores,
    whole: Scores | None,
    teacher: Scores | None,
    real: Scores | None,
    heard: Scores | None,
    needs: Mapping[str, str],
) -> Iterator[Row]:
    """Every measure that some column has, or that would need something."""
    for measure in MEASURES:
        row = Row(
            measure.name,
            measure.style,
            ours=_read(ours, measure.at),
            whole=_read(whole, measure.at),
            teacher=_read(teacher, measure.at),
            real=_read(real, measure.at),
            heard=_read(heard, measure.at),
            published=measure.published,
            needs=needs.get(measure.need, ""),
        )
        if row.needs or any(figure is not None for figure in row.figures):
            yield row


def _read(scores: Scores | None, at: str) -> float | None:
    found = reduce(lambda thing, name: getattr(thing, name, None), at.split("."), scores)
    return float(found) if isinstance(found, (int, float)) else None
