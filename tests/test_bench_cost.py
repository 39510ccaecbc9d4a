from __future__ import annotations

import asyncio

import pytest

from jamflow_rt.beats import BEAT_MOTION
from jamflow_rt.bench import cost
from jamflow_rt.bench.cost import (
    STAGES,
    cost_figures,
    factor_figures,
    measure_cost,
    measure_factors,
)
from jamflow_rt.bench.subject import Subject
from jamflow_rt.model import threads
from jamflow_rt.render import load_portrait
from tests.bench_fakes import TINY, GreyRenderer
from tests.toy import toy_bundle


@pytest.fixture(autouse=True)
def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    # A toy gains nothing from two, and waits for both where other processes share the cores.
    monkeypatch.setattr(threads, "MOST_CORES", 1)


def test_every_frame_of_the_sentences_is_drawn_and_encoded() -> None:
    renderer = GreyRenderer()
    bundle = toy_bundle()
    found = asyncio.run(measure_cost(bundle, renderer, ("Hi.", "Hello.")))
    beats = sum(bundle.front.timeline(text).beats + 1 for text in ("Hi.", "Hello."))
    assert renderer.drawn == 1 + beats * BEAT_MOTION, "one picture to warm up, then all"
    assert tuple(found) == STAGES
    assert min(found.values()) > 0


def test_every_number_of_evaluations_has_a_factor() -> None:
    found = measure_factors(toy_bundle(), (1, 3), ("Hi.", "Hello."))
    assert list(found) == [1, 3]
    assert min(found.values()) > 0


def test_the_bar_stands_at_the_evaluations_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject(toy_bundle(), load_portrait(), TINY)
    usual = subject.bundle.sampling.evaluations
    monkeypatch.setattr(
        cost, "measure_factors", lambda _bundle, steps, _said: dict.fromkeys(steps, 0.2)
    )
    figures = factor_figures(subject)
    assert [figure.key for figure in figures] == ["evaluations_1", f"evaluations_{usual}"]
    assert [figure.ok for figure in figures] == [None, False]


def test_the_stages_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def measured(*_: object) -> dict[str, float]:
        return {stage: 0.25 for stage in STAGES}

    monkeypatch.setattr(cost, "measure_cost", measured)
    figures = cost_figures(Subject(toy_bundle(), load_portrait(), TINY))
    assert [figure.key for figure in figures] == [*STAGES, "sum"]
    assert figures[-1].value == pytest.approx(0.25 * len(STAGES))
