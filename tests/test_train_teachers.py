from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.corpus import build_corpus
from jamflow_rt.train.teachers import LATENESS, VOICES, Hibari, end_last_phone, teacher_for

MARK = 4


def test_the_last_phone_gives_its_silence_back() -> None:
    # 0.2 s of silence, a phone that claims 0.8 s but sounds for 0.3 s only, a full stop.
    sound = np.zeros(SAMPLE_RATE, np.float32)
    sound[int(0.2 * SAMPLE_RATE) : int(0.5 * SAMPLE_RATE)] = 0.5
    held = np.array([0.2, 0.7, 0.05, 0.05])
    fixed = end_last_phone([0, 50, MARK, 0], held, sound, {MARK})
    assert fixed.sum() == pytest.approx(held.sum())
    assert fixed[1] == pytest.approx(0.3 + LATENESS, abs=0.011)
    assert fixed[2] == pytest.approx(0.05)
    assert fixed[3] == pytest.approx(0.45 - LATENESS, abs=0.011)


def test_there_are_women_and_men_of_both_countries() -> None:
    kinds = {(v.style or "af_heart")[:2] for v in VOICES}
    assert kinds == {"af", "am", "bf", "bm"}
    assert len(VOICES) >= 8
    assert all(v.british == (v.style or "a").startswith("b") for v in VOICES)


def test_the_fast_teacher_speaks_with_times_and_pitch() -> None:
    pytest.importorskip("onnx")
    said = Hibari()("Good morning.", seed=0)
    assert said is not None
    assert said.ids[0] == said.ids[-1] == 0
    assert said.seconds.sum() == pytest.approx(len(said.sound) / SAMPLE_RATE, abs=0.03)
    voiced = said.f0[said.f0 > 40]
    assert 120 < np.median(voiced) < 280, "a woman's voice"


def test_unknown_and_incomplete_voices(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="heart, bella"):
        teacher_for("nobody", None)
    with pytest.raises(InvalidInput, match="--kokoro-voices"):
        teacher_for("emma", None)
    with pytest.raises(InvalidInput, match=r"bf_emma\.bin"):
        teacher_for("emma", tmp_path)
    (tmp_path / "few.txt").write_text("One line.\n")
    with pytest.raises(InvalidInput, match="1 sentences, fewer than 2"):
        build_corpus(tmp_path / "few.txt", tmp_path, 2, "heart")
