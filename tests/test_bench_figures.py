from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.bench.figures import Bar, Figure, milliseconds, percentile_95


@pytest.mark.parametrize(
    ("bar", "value", "met"),
    [
        (Bar(150.0), 149.9, True),
        (Bar(150.0), 150.0, True),
        (Bar(150.0), 150.1, False),
        (Bar(6, at_least=True), 6, True),
        (Bar(6, at_least=True), 5, False),
    ],
)
def test_a_bar_is_met_on_its_good_side(bar: Bar, value: float, met: bool) -> None:
    figure = Figure(key="k", name="n", value=value, bar=bar)
    assert bar.met(value) is met
    assert figure.ok is met
    assert figure.verdict == ("ok" if met else "missed")


def test_without_a_bar_there_is_no_verdict() -> None:
    figure = Figure(key="k", name="n", value=1.25, unit="ms", digits=1)
    assert figure.ok is None
    assert (figure.text, figure.bar_text, figure.verdict) == ("1.2 ms", "", "")
    assert figure.json() == {"name": "n", "value": 1.25, "unit": "ms"}


def test_another_figure_may_make_up_for_a_missed_bar() -> None:
    bar = Bar(6, at_least=True)
    figure = Figure(key="k", name="n", value=4, bar=bar, made_up=True, note="4 tried")
    assert figure.ok is True
    assert figure.json() == {
        "name": "n",
        "value": 4,
        "unit": "",
        "bar": {"at_least": 6},
        "ok": True,
        "note": "4 tried",
    }


def test_bars_are_written_as_round_numbers() -> None:
    assert Figure(key="k", name="n", value=0.123, digits=3, bar=Bar(0.1)).bar_text == "≤ 0.10"
    assert Figure(key="k", name="n", value=1, unit="ms", bar=Bar(60.0)).bar_text == "≤ 60 ms"
    assert Figure(key="k", name="n", value=1, bar=Bar(2, at_least=True)).bar_text == "≥ 2"


def test_a_value_that_is_not_finite_is_null() -> None:
    assert Figure(key="k", name="n", value=math.inf).json()["value"] is None


def test_the_95th_percentile_is_a_measured_value() -> None:
    assert percentile_95([float(n) for n in range(1, 101)]) == 95
    assert percentile_95([float(n) for n in range(1, 21)]) == 19
    assert percentile_95([3.0]) == 3.0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_at_most_a_twentieth_is_above_the_95th_percentile(values: list[float]) -> None:
    found = percentile_95(values)
    assert found in values
    assert sum(value > found for value in values) <= len(values) / 20


def test_latencies_are_median_95th_percentile_and_worst_in_milliseconds() -> None:
    figures = milliseconds("wait", "say()", [0.1, 0.3, 0.2], median_bar=150.0, late_bar=400.0)
    assert [figure.key for figure in figures] == ["wait_median", "wait_95th", "wait_worst"]
    assert [figure.value for figure in figures] == pytest.approx([200.0, 300.0, 300.0])
    assert [figure.ok for figure in figures] == [False, True, None]
    assert figures[0].note == "3 trials"
    assert {figure.unit for figure in figures} == {"ms"}
