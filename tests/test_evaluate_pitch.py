from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.evaluate.pitch import final_rise, measure_pitch, track_pitch
from jamflow_rt.evaluate.take import Take


def voice(hertz: np.ndarray, noise: float = 0.0) -> np.ndarray:
    """Ten harmonics of a pitch (N,) at 24 kHz."""
    phase = 2 * np.pi * np.cumsum(hertz) / 24000
    sound = sum(np.sin(n * phase) / n for n in range(1, 11)) * 0.1
    return (sound + noise * np.random.default_rng(0).normal(size=len(hertz))).astype(np.float32)


def glide(first: float, last: float, seconds: float = 1.0) -> np.ndarray:
    """From one pitch to another, evenly in semitones."""
    return np.asarray(np.geomspace(first, last, int(seconds * 24000)))


@pytest.mark.parametrize("hertz", [80.0, 190.0, 330.0])
def test_a_steady_voice_is_followed(hertz: float) -> None:
    pitch = track_pitch(voice(np.full(24000, hertz), noise=0.01))
    assert pitch.shape == (100,)
    assert pitch[10:90] == pytest.approx(np.full(80, hertz), rel=0.005)


def test_noise_and_silence_have_no_pitch() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 24000).astype(np.float32)
    assert (track_pitch(noise) > 0).mean() < 0.05
    assert not track_pitch(np.zeros(24000, np.float32)).any()
    assert not len(track_pitch(np.zeros(10, np.float32)))


def test_the_end_rises_or_falls() -> None:
    silence = np.zeros(4800, np.float32)
    rising = np.concatenate([voice(glide(200, 200)), voice(glide(200, 300, 0.5)), silence])
    found = final_rise(track_pitch(rising))
    assert found == pytest.approx(2 * 12 * np.log2(1.5), rel=0.1)
    falling = final_rise(track_pitch(voice(glide(300, 200))))
    assert falling == pytest.approx(-12 * np.log2(1.5), rel=0.1)
    assert final_rise(np.zeros(50)) is None
    assert final_rise(np.full(5, 200.0)) is None


def test_questions_are_told_from_statements_by_their_mark() -> None:
    up, down = voice(glide(200, 250)), voice(glide(250, 200))
    takes = [Take('He asked: "Is it?"', up), Take("It is.", down), Take("", down)]
    found = measure_pitch(takes)
    assert found is not None
    assert (found.questions, found.statements) == (1, 1)
    assert found.question_rise is not None and found.question_rise > 2
    assert found.statement_rise is not None and found.statement_rise < -2
    assert found.median == pytest.approx(224, rel=0.03)
    assert found.spread == pytest.approx(12 * np.log2(1.25) / np.sqrt(12), rel=0.1)


def test_without_a_voice_there_is_nothing_to_measure() -> None:
    assert measure_pitch([Take("Hush.", np.zeros(24000, np.float32))]) is None
    assert measure_pitch([]) is None
