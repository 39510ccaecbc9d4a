from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.evaluate.mfcc import mfcc


def tone(hertz: float, seconds: float = 0.5) -> np.ndarray:
    times = np.arange(int(16000 * seconds)) / 16000
    return (8000 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def test_a_frame_comes_every_10_ms_and_the_last_is_filled_up() -> None:
    assert mfcc(tone(440, 0.025)).shape == (1, 13)
    assert mfcc(tone(440, 0.5)).shape == (49, 13)
    assert len(mfcc(np.zeros(401, np.float32))) == 2
    assert len(mfcc(np.zeros(10, np.float32))) == 1


def test_the_first_coefficient_is_the_log_energy() -> None:
    sound = tone(1000)
    louder = mfcc(10 * sound) - mfcc(sound)
    assert louder[5:-5, 0] == pytest.approx(np.log(100), abs=1e-3)
    assert louder[5:-5, 1:] == pytest.approx(0, abs=1e-2)
    signal = np.append(sound[:1], sound[1:] - 0.97 * sound[:-1])[:400]
    power = np.square(np.abs(np.fft.rfft(signal, 512))).sum() / 512
    assert mfcc(sound)[0, 0] == pytest.approx(np.log(power), rel=1e-5)


def test_the_second_coefficient_tells_low_from_high() -> None:
    assert mfcc(tone(200))[20, 1] > 5 > -5 > mfcc(tone(6000))[20, 1]


def test_silence_is_finite() -> None:
    assert np.isfinite(mfcc(np.zeros(1600, np.float32))).all()
