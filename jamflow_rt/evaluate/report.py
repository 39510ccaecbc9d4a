"""What `jamflow-rt evaluate` found: as JSON, and as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.table import Table

from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.curve import Point
from jamflow_rt.evaluate.listening import Listening
from jamflow_rt.evaluate.rows import COLUMNS, PUBLISHED_NOTE, Row, rows_of
from jamflow_rt.evaluate.scores import Scores

COST = "{}, s a sounding second"


@dataclass(frozen=True, slots=True)
class Report:
    """Our scores, and all that stands beside them."""

    ours: Scores
    whole: Scores | None = None
    """The same sentences, each sampled in one piece."""
    teacher: Scores | None = None
    """The same sentences by the voice that ours learned from."""
    real: Scores | None = None
    """Prepared clips of a real face and voice."""
    heard: Scores | None = None
    """Our face on recordings of others, moved by their sound alone."""
    listening: Listening | None = None
    """How the lips follow sound alone."""
    curve: tuple[Point, ...] = ()
    """Quality against the number of evaluations."""
    cost: dict[str, float] = field(default_factory=dict)
    """Stage → seconds of work per sounding second, here."""
    needs: dict[str, str] = field(default_factory=dict)
    """Measures of the pictures that were left out → what they need."""
    settings: dict[str, object] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """Every measure with all its columns."""
        columns = (self.ours, self.whole, self.teacher, self.real, self.heard)
        yield from rows_of(*columns, self.needs)
        if self.listening is not None:
            name = "lips from sound alone, correlation with the real ones"
            yield Row(name, "{:.2f}", self.listening.correlation)
        for stage, seconds in self.cost.items():
            yield Row(COST.format(stage), "{:.3f}", seconds)
        if self.cost:
            yield Row(
                COST.format("all stages"),
                "{:.3f}",
                sum(self.cost.values()),
                published="2.25 (32 evaluations)",
            )

    def columns(self) -> list[str]:
        """Those of the columns that have something in them."""
        rows = [row.texts() for row in self.rows()]
        return [name for name in (*COLUMNS, "published") if any(row[name] for row in rows)]

    def notes(self) -> list[str]:
        """What a reader of the table must know."""
        missing: dict[str, list[str]] = {}
        for row in self.rows():
            if row.needs and row.ours is None:
                missing.setdefault(row.needs, []).append(row.measure)
        return [PUBLISHED_NOTE] + [
            f"{', '.join(dict.fromkeys(names))}: {needs}." for needs, names in missing.items()
        ]

    def write(self, path: Path) -> None:
        """Write everything as JSON: the rows, and each column in detail.

        Raises:
            InvalidInput: there is no place to write to.
        """
        content = {
            "settings": self.settings,
            "rows": [row.json() for row in self.rows()],
            "notes": self.notes(),
        } | {name: value for name, value in asdict(self).items() if name != "settings"}
        try:
            path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
        except OSError as error:
            raise InvalidInput(f"Cannot write the report {path}: {error.strerror}.") from error

    def table(self) -> Table:
        """The summary for people."""
        title = f"{self.ours.sentences} sentences, {self.ours.seconds:.0f} s of sound"
        table = Table(title=title, caption="\n".join(self.notes()), caption_justify="left")
        table.add_column("measure")
        for name in self.columns():
            table.add_column(name, justify="left" if name == "published" else "right")
        for row in self.rows():
            texts = row.texts()
            table.add_row(row.measure, *(texts[name] for name in self.columns()))
        return table

    def curve_table(self) -> Table:
        """Quality against the number of evaluations."""
        table = Table(title="Quality against evaluations of the network")
        for name in CURVE_COLUMNS:
            table.add_column(name, justify="right")
        for point in self.curve:
            table.add_row(*curve_texts(point))
        return table


CURVE_COLUMNS = (
    "steps", "guidance", "network calls", "word errors", "character errors", "DistillMOS",
    "sampling, s a sounding s",
)  # fmt: skip


def curve_texts(point: Point) -> list[str]:
    """A point as people read it, in the order of `CURVE_COLUMNS`."""
    figures = (
        ("{:d}", point.evaluations),
        ("{:g}", point.guidance),
        ("{:d}", point.calls),
        ("{:.1%}", point.word_error_rate),
        ("{:.1%}", point.character_error_rate),
        ("{:.2f}", point.quality),
        ("{:.3f}", point.sampling),
    )
    return ["" if figure is None else style.format(figure) for style, figure in figures]
