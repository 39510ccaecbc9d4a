from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.beats import SAMPLES_PER_MOTION
from jamflow_rt.evaluate.sync import MOST_SHIFT, loudness, measure_sync


def take(late: int, frames: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Noise whose loudness wanders, and a mouth that follows it `late` frames after."""
    random = np.random.default_rng(1)
    level = np.convolve(random.uniform(0, 1, frames + 40), np.ones(4) / 4, "same")
    at = level[20 : 20 + frames]
    sound = random.normal(0, 1, (frames, SAMPLES_PER_MOTION)) * 10 ** (at[:, None] * 2 - 3)
    return sound.ravel().astype(np.float32), level[20 - late : 20 - late + frames]


@pytest.mark.parametrize("late", [-3, 0, 2])
def test_the_peak_tells_how_late_the_lips_are(late: int) -> None:
    sync = measure_sync([take(late), take(late, 80)])
    assert sync is not None
    assert sync.peak == late
    assert max(sync.correlations) > 0.95
    assert len(sync.correlations) == 2 * MOST_SHIFT + 1
    assert sync.correlation == sync.correlations[MOST_SHIFT]


def test_phrases_do_not_hide_where_syllables_agree() -> None:
    sound, gaps = take(2)
    # A slow wave that the lips make long after the sound does.
    frames = np.arange(len(gaps))
    phrase = np.sin(2 * np.pi * frames / 60)
    late = np.sin(2 * np.pi * (frames - 8) / 60)
    sound = sound * np.repeat(10**phrase, SAMPLES_PER_MOTION)
    sync = measure_sync([(sound.astype(np.float32), gaps + 2 * late)])
    assert sync is not None
    assert int(np.argmax(sync.correlations)) - MOST_SHIFT > 2
    assert sync.peak == 2


def test_silence_still_faces_and_short_takes_tell_nothing() -> None:
    sound, gaps = take(0)
    assert measure_sync([(np.zeros_like(sound), gaps), (sound, np.ones_like(gaps))]) is None
    assert measure_sync([(sound[:960], gaps[:1])]) is None
    assert measure_sync([]) is None


def test_loudness_is_zero_in_silence_and_grows_by_decades() -> None:
    sound = np.repeat([0.0, 0.01, 0.1], SAMPLES_PER_MOTION).astype(np.float32)
    assert loudness(sound) == pytest.approx([0, 1, 2], abs=1e-5)
