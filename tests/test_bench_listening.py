from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.beats import BEAT_SAMPLES, SAMPLES_PER_MOTION
from jamflow_rt.bench.listening import latencies, measure_listening
from tests.stream_fakes import Stage


def test_a_latency_counts_from_the_sample_at_the_source() -> None:
    # Frames leave 0.3 s after their sound; the third comes 10 ms late.
    assert latencies(5.0, [5.3, 5.34, 5.39]) == pytest.approx([0.3, 0.3, 0.31])


async def test_every_frame_of_every_trial_is_counted() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 2 * BEAT_SAMPLES).astype(np.float32)
    async with (stage := Stage()).session:
        heard = await measure_listening(stage.session, sound, trials=2)
    assert heard.frames == 2 * len(sound) // SAMPLES_PER_MOTION
    # Media time runs ahead of the sound here: a frame after a gap fades in.
    assert heard.frames // 2 <= heard.same <= heard.frames
