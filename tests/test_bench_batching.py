from __future__ import annotations

import pytest

from jamflow_rt.bench import batching
from jamflow_rt.bench.batching import Batch, batching_figures, measure_batching
from jamflow_rt.bench.subject import Subject
from jamflow_rt.model import threads
from jamflow_rt.model.threads import Cores
from jamflow_rt.render import load_portrait
from tests.bench_fakes import TINY
from tests.toy import toy_bundle


@pytest.fixture(autouse=True)
def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    # A toy gains nothing from two, and waits for both where other processes share the cores.
    monkeypatch.setattr(threads, "MOST_CORES", 1)


def test_every_length_of_window_is_measured() -> None:
    bundle = toy_bundle()
    found = measure_batching(bundle, sessions=2, repeats=1, cores=Cores(1, 1))
    config = bundle.windows
    assert [batch.beats for batch in found] == [
        config.prefix + new + config.look_ahead for new in sorted(config.growth)
    ]
    assert min(min(batch.apart, batch.together) for batch in found) > 0


def test_the_bar_stands_at_the_longest_window(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = [Batch(7, apart=0.1, together=0.08), Batch(13, apart=0.4, together=0.16)]
    monkeypatch.setattr(batching, "measure_batching", lambda *_: measured)
    figures = {f.key: f for f in batching_figures(Subject(toy_bundle(), load_portrait(), TINY))}
    assert set(figures) == {"window_7", "ratio_7", "window_13", "ratio_13"}
    assert figures["window_13"].value == pytest.approx(100.0), "one of four, in milliseconds"
    assert figures["ratio_7"].ok is None
    assert figures["ratio_13"].value == pytest.approx(0.4)
    assert figures["ratio_13"].ok is True
    assert figures["ratio_13"].note == "160 against 400 ms"
