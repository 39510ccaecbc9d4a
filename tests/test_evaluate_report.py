from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.curve import Point
from jamflow_rt.evaluate.listening import Listening
from jamflow_rt.evaluate.report import Report, curve_texts
from tests.test_evaluate_scores import some_scores


def full_report() -> Report:
    ours = some_scores()
    return Report(
        ours,
        whole=replace(ours, quality=3.75),
        teacher=replace(ours, quality=4.5, lips=None, sync=None, motion=None),
        real=replace(ours, word_error_rate=None),
        listening=Listening(60, 0.85, 0.8),
        curve=(
            Point(1, 0.0, 0.5, 0.3, 2.0, 0.05),
            Point(4, 0.0, 0.05, 0.02, 3.9, 0.2),
            Point(4, 1.0, 0.04, 0.02, 3.8, 0.4),
        ),
        cost={"sampling": 0.2, "rendering": 0.1},
        needs={"lse": "needs syncnet_v2.model; name its folder with --weights"},
        settings={"evaluations": 4},
    )


def printed(report: Report) -> str:
    console = Console(width=200, file=io.StringIO())
    console.print(report.table())
    console.print(report.curve_table())
    return console.file.getvalue()


def test_every_figure_stands_beside_the_others_in_the_file(tmp_path: Path) -> None:
    full_report().write(tmp_path / "report.json")
    stored = json.loads((tmp_path / "report.json").read_text())
    rows = {row["measure"]: row for row in stored["rows"]}
    quality = rows["DistillMOS"]
    assert (quality["ours"], quality["whole"], quality["teacher"]) == (3.5, 3.75, 4.5)
    assert quality["difference"] == pytest.approx(-0.25)
    assert rows["word error rate (Whisper tiny.en)"]["real"] is None
    assert rows["all stages, s a sounding second"]["ours"] == pytest.approx(0.3)
    assert "syncnet_v2.model" in rows["LSE-D (SyncNet)"]["needs"]
    assert stored["settings"] == {"evaluations": 4}
    assert stored["ours"]["lines"][1]["heard"] == "b hives please"
    assert [point["evaluations"] for point in stored["curve"]] == [1, 4, 4]
    assert any("LSE-C (SyncNet), LSE-D (SyncNet): needs" in note for note in stored["notes"])


def test_the_tables_show_what_was_measured() -> None:
    text = printed(full_report())
    assert "3.75 (-0.25)" in text and "4.50" in text
    assert "needs weights" in text and "arXiv 2506.23552" in text
    assert "0.85" in text
    # Guidance asks the network twice a step.
    assert curve_texts(full_report().curve[2])[:3] == ["4", "1", "8"]


def test_columns_without_figures_are_left_out() -> None:
    report = Report(some_scores())
    assert report.columns() == ["ours", "published"]
    assert "teacher" not in printed(report)
    assert not any("a sounding second" in row.measure for row in report.rows())


def test_a_report_needs_a_place(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Cannot write the report"):
        Report(some_scores()).write(tmp_path / "gone" / "report.json")
