from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jamflow_rt.bench import plan
from jamflow_rt.bench.run import FAMILIES, bench
from jamflow_rt.bench.subject import Subject
from jamflow_rt.cli import app
from jamflow_rt.errors import InvalidInput
from jamflow_rt.model import threads
from jamflow_rt.render import load_portrait
from tests.bench_fakes import TINY
from tests.toy import save_toy_bundle, toy_bundle


@pytest.fixture(autouse=True)
def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    # A toy gains nothing from two, and waits for both where other processes share the cores.
    monkeypatch.setattr(threads, "MOST_CORES", 1)


LATENCY = ("median", "95th", "worst")
KEYS = {
    "first_frame": {f"wait_{which}" for which in LATENCY},
    "real_time_factor": {"evaluations_1", "evaluations_2"},
    "cost": {"text", "sampling", "vocoder", "rendering", "encoding", "sum"},
    "sessions": {"motion_only", "video", "encoded"},
    "batching": {f"{what}_{beats}" for what in ("window", "ratio") for beats in (7, 9, 13, 21)},
    "peak": {"cores", "peak", "own_product", "work", "share_1", "share_4"},
    "rendering": {"pixels_16", "pixels_24"},
    "interrupt": {f"silence_{which}" for which in LATENCY},
    "listening": {f"latency_{which}" for which in LATENCY} | {"same", "fresh"},
    "memory": {"loaded", "motion_only", "video", "growth"},
}
BARS = {
    "first_frame.wait_median": 150,
    "first_frame.wait_95th": 250,
    "real_time_factor.evaluations_2": 0.1,
    "sessions.motion_only": 6,
    "sessions.video": 2,
    "batching.ratio_21": 0.5,
    "interrupt.silence_95th": 60,
    "listening.latency_95th": 400,
}


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "QUICK", TINY)


@pytest.mark.timeout(400)  # ten seconds on a machine of its own
def test_a_quick_bench_is_one_json_object_with_every_figure(quickly: None, tmp_path: Path) -> None:
    save_toy_bundle(tmp_path)
    result = CliRunner().invoke(app, ["bench", "--quick", "--json", "--model", str(tmp_path)])
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert {
        family: set(figures) - {"peak_float32"} for family, figures in content["figures"].items()
    } == KEYS
    assert content["model"] == "toy"
    assert content["settings"]["trials"] == TINY.trials
    bars = {
        f"{family}.{key}": next(iter(figure["bar"].values()))
        for family, figures in content["figures"].items()
        for key, figure in figures.items()
        if "bar" in figure
    }
    assert bars == BARS
    assert set(content["missed"]) <= set(BARS)
    assert all(f"Measuring: {family} …" in result.stderr for family in KEYS)


def test_one_family_alone_is_a_table(quickly: None, tmp_path: Path) -> None:
    save_toy_bundle(tmp_path)
    result = CliRunner().invoke(
        app, ["bench", "--quick", "--only", "rendering", "--model", str(tmp_path)]
    )
    assert result.exit_code == 0, result.output
    assert "toy: bench" in result.stdout
    assert "one picture" in result.stdout
    assert "first_frame" not in result.stdout
    assert result.stderr.strip() == "Measuring: rendering …"


@pytest.mark.parametrize(("only", "hint"), [("speed", "first_frame"), ("soak", "--soak MINUTES")])
def test_what_cannot_be_measured_is_refused_with_a_hint(only: str, hint: str) -> None:
    with pytest.raises(InvalidInput, match=hint):
        bench(Subject(toy_bundle(), load_portrait(), TINY), only=only)


def test_the_soak_is_measured_when_it_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []
    for family in FAMILIES:
        monkeypatch.setitem(FAMILIES, family, lambda _subject: [])
    for minutes, soaked in ((0.0, False), (1.0, True)):
        measured.clear()
        chosen = TINY.model_copy(update={"soak_minutes": minutes})
        subject = Subject(toy_bundle(), load_portrait(), chosen)
        report = bench(subject, progress=measured.append)
        assert ("soak" in measured) is soaked
        assert list(report.families) == measured
