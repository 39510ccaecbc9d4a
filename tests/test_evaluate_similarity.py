from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.evaluate.similarity import Similarity


def embed(sound: np.ndarray) -> np.ndarray:
    """A direction that only the mean of the sound decides."""
    angle = float(sound[len(sound) // 2])
    return 3 * np.array([np.cos(angle), np.sin(angle)], np.float32)


def at(angle: float) -> np.ndarray:
    return np.full(2400, angle, np.float32)


def test_similarity_is_the_cosine_to_the_mean_of_the_examples() -> None:
    judge = Similarity([at(0.2), at(0.4)], embed)
    assert judge(at(0.3)) == pytest.approx(1.0, abs=1e-3)
    assert judge(at(0.3 + np.pi / 3)) == pytest.approx(0.5, abs=1e-2)


def test_a_voice_needs_an_example() -> None:
    with pytest.raises(InvalidInput, match="example"):
        Similarity([], embed)


def test_resemblyzer_gets_sound_at_16_khz(monkeypatch: pytest.MonkeyPatch) -> None:
    class FakeEncoder:
        def __init__(self, device: str, verbose: bool) -> None:
            assert (device, verbose) == ("cpu", False)

        def embed_utterance(self, sound: np.ndarray) -> np.ndarray:
            return np.array([len(sound), 0.0])

    package = ModuleType("resemblyzer")
    package.VoiceEncoder = FakeEncoder  # type: ignore[attr-defined]
    package.preprocess_wav = lambda sound: sound[:1600]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "resemblyzer", package)
    assert Similarity([at(0.1)])(at(0.5)) == pytest.approx(1.0)


def test_a_missing_package_is_said_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    with pytest.raises(NotSupported, match="make evaluate-env"):
        Similarity([at(0.0)])
