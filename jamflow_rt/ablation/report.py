"""The one table of the variants: as JSON and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from jamflow_rt.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured of one variant; None for what could not be."""

    name: str
    meaning: str
    word_error_rate: float | None = None
    character_error_rate: float | None = None
    closed: float | None = None
    """Share of p, b and m in which the lips close."""
    chance: float | None = None
    """The same share of all other phonemes."""
    correlation: float | None = None
    """Lips from sound alone against real ones, on clips that were kept out."""
    audio_loss: float | None = None
    """Mean over the last fifth of the steps; the crops and the noise are the same for all."""
    motion_loss: float | None = None
    seconds: float | None = None
    """Of training, on this machine."""

    @property
    def above_chance(self) -> float | None:
        """`closed` without what chance gives."""
        if self.closed is None or self.chance is None:
            return None
        return self.closed - self.chance


_COLUMNS = (
    ("word errors", "{:.1%}", "word_error_rate"),
    ("character errors", "{:.1%}", "character_error_rate"),
    ("lips closed at p, b, m", "{:.0%}", "closed"),
    ("by chance", "{:.0%}", "chance"),
    ("above chance", "{:.0%}", "above_chance"),
    ("lips from sound alone, r", "{:.2f}", "correlation"),
    ("loss of sound", "{:.4f}", "audio_loss"),
    ("loss of motion", "{:.4f}", "motion_loss"),
)


def markdown(results: Sequence[Result]) -> str:
    """The table, a row for each variant."""
    heads = ["variant", "what", *(head for head, _, _ in _COLUMNS)]
    lines = [heads, ["---", "---", *("---:" for _ in _COLUMNS)]]
    for result in results:
        figures = ((style, getattr(result, name)) for _, style, name in _COLUMNS)
        texts = ["" if value is None else style.format(value) for style, value in figures]
        lines.append([f"`{result.name}`", result.meaning, *texts])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(results: Sequence[Result], settings: Mapping[str, object], folder: Path) -> None:
    """Write `ablation.json` and `ablation.md`.

    Raises:
        InvalidInput: there is no place to write to.
    """
    content = {"settings": dict(settings), "results": [asdict(result) for result in results]}
    try:
        (folder / "ablation.json").write_text(
            json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8"
        )
        (folder / "ablation.md").write_text(markdown(results), "utf-8")
    except OSError as error:
        raise InvalidInput(f"Cannot write the report to {folder}: {error.strerror}.") from error
