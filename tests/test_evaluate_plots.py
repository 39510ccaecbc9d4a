from __future__ import annotations

import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from jamflow_rt.errors import NotSupported
from jamflow_rt.evaluate.plots import plots, save
from jamflow_rt.evaluate.report import Report
from jamflow_rt.evaluate.scores import Judges, score
from tests.test_evaluate_report import full_report
from tests.test_evaluate_scores import takes


def test_curves_go_by_guidance_over_network_calls() -> None:
    drawn = {name: draw for name, _, draw in plots(full_report())}
    axes = Figure().subplots()
    drawn["curve_words.png"](axes)
    lines = {str(line.get_label()): line for line in axes.get_lines()}
    assert set(lines) == {"guidance 0", "guidance 1"}
    assert list(lines["guidance 0"].get_xdata()) == [1, 4]
    assert list(lines["guidance 1"].get_xdata()) == [8]


def test_ours_is_drawn_beside_the_real_one() -> None:
    drawn = {name: draw for name, _, draw in plots(full_report())}
    axes = Figure().subplots()
    drawn["sync.png"](axes)
    assert [line.get_label() for line in axes.get_lines()] == ["ours", "real"]
    axes = Figure().subplots()
    drawn["lips.png"](axes)
    assert len(axes.patches) == 4


def test_only_what_was_measured_is_drawn() -> None:
    names = [name for name, _, _ in plots(Report(score(takes(), Judges())))]
    assert names == ["sync.png", "lips.png"]


def test_plots_need_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(NotSupported, match="make evaluate-env"):
        save(tmp_path / "a.png", lambda axes: None)
