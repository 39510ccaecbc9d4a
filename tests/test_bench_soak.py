from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.bench.ledger import Ledger
from jamflow_rt.bench.soak import Conversation, soak_figures
from jamflow_rt.bench.subject import Subject
from jamflow_rt.model import threads
from jamflow_rt.render import load_portrait
from tests.bench_fakes import TINY
from tests.stream_fakes import Stage
from tests.toy import toy_bundle


@pytest.fixture(autouse=True)
def _one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    # A toy gains nothing from two, and waits for both where other processes share the cores.
    monkeypatch.setattr(threads, "MOST_CORES", 1)


@pytest.mark.parametrize("seed", range(2))
async def test_minutes_of_conversation_lose_nothing(seed: int) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 24_000).astype(np.float32)
    ledger = Ledger()
    async with (stage := Stage()).session:
        conversation = Conversation(stage.session, ledger, sound, seed)
        await conversation.go_on(60.0)
        await conversation.end()
    assert ledger.frames >= 61 * 25
    assert ledger.speeches > 5
    assert ledger.spoken_words > 10
    assert ledger.faults() == []
    assert ledger.drift == 0.0
    assert ledger.word_error < 1e-6


def test_a_soak_of_a_model_has_all_its_figures() -> None:
    plan = TINY.model_copy(update={"soak_minutes": 0.1})
    figures = {f.key: f for f in soak_figures(Subject(toy_bundle(), load_portrait(), plan))}
    assert set(figures) == {
        "minutes", "speeches", "drift", "clock", "words", "faults", "before", "after",
    }  # fmt: skip
    assert figures["minutes"].value >= 0.1
    assert figures["faults"].ok and figures["drift"].ok and figures["words"].ok
    assert figures["after"].value > 0
