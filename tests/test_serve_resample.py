from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.serve.resample import DELAY, Doubler


def tone(hertz: float, samples: int, rate: int) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(samples) / rate).astype(np.float32)


@pytest.mark.parametrize("hertz", [110.0, 1000.0, 5000.0, 9000.0])
def test_a_tone_keeps_its_pitch_and_level(hertz: float) -> None:
    doubled = Doubler().push(tone(hertz, 4800, 24_000))
    expected = tone(hertz, 9600, 48_000)
    assert doubled.shape == (9600,)
    lag = 2 * DELAY
    np.testing.assert_allclose(doubled[200:], expected[200 - lag : 9600 - lag], atol=2e-3)


@pytest.mark.parametrize("chunk", [1, 7, 240, 960])
def test_chunks_give_what_the_whole_gives(chunk: int) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, 1920).astype(np.float32)
    doubler = Doubler()
    pieces = [doubler.push(sound[at : at + chunk]) for at in range(0, len(sound), chunk)]
    assert all(
        len(piece) == 2 * len(sound[i * chunk : (i + 1) * chunk]) for i, piece in enumerate(pieces)
    )
    np.testing.assert_allclose(np.concatenate(pieces), Doubler().push(sound), atol=1e-6)
