from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.report import evaluate
from jamflow_rt.evaluate.take import Take
from jamflow_rt.text.timeline import PhonemeSpan


def face(gap: float) -> FaceState:
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[14, 1] = gap
    return FaceState(landmarks, np.zeros(3, np.float32), np.zeros(2, np.float32), 1.0)


class Drawn:
    def landmarks(self, face: FaceState) -> np.ndarray:
        return face.landmarks[:, :2]


def takes() -> list[Take]:
    rng = np.random.default_rng(0)
    return [
        Take(
            text=text,
            sound=rng.normal(0, 0.1, 38400).astype(np.float32),
            faces=tuple(face(0.0 if index < 4 else 1.0) for index in range(40)),
            phonemes=(PhonemeSpan("b", 0, 8), PhonemeSpan("i", 8, 150)),
            edges=(0, 7680),
        )
        for text in ("Be quick.", "Bee hives, please.")
    ]


def test_a_report_sums_up_and_keeps_the_lines(tmp_path: Path) -> None:
    heard = iter(["be quick", "b hives please"])
    marks = iter([3.0, 4.0])
    report = evaluate(
        takes(),
        listener=lambda sound: next(heard),
        judge=lambda sound: next(marks),
        renderer=Drawn(),
        settings={"evaluations": 4},
    )
    assert report.word_error_rate == pytest.approx(1 / 5)
    assert report.character_error_rate == pytest.approx(
        2 / (len("be quick") + len("bee hives please"))
    )
    assert report.quality == 3.5
    assert report.seconds == pytest.approx(3.2)
    assert report.lips is not None and (report.lips.bilabials, report.lips.closed) == (2, 1.0)
    assert report.clicks is not None and report.clicks.edges == 4
    assert [line.word_errors for line in report.lines] == [0, 1]
    report.write(tmp_path / "report.json")
    stored = json.loads((tmp_path / "report.json").read_text())
    assert stored["word_error_rate"] == pytest.approx(0.2)
    assert stored["settings"] == {"evaluations": 4}
    assert stored["lines"][1]["heard"] == "b hives please"


def test_the_table_shows_what_was_measured() -> None:
    console = Console(width=100, file=io.StringIO())
    marks = iter([3.0, 4.0])
    console.print(evaluate(takes(), judge=lambda sound: next(marks), renderer=Drawn()).table())
    text = console.file.getvalue()
    assert "3.50" in text
    assert "100.0%" in text
    assert "word error" not in text


def test_nothing_to_evaluate_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="nothing to evaluate"):
        evaluate([])


def test_a_report_needs_a_place(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Cannot write the report"):
        evaluate(takes()).write(tmp_path / "gone" / "report.json")
