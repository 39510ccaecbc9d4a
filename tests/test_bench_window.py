from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.bench.window import speech_window
from jamflow_rt.flow.sampler import Sampler
from tests.toy import toy_bundle


@pytest.mark.parametrize("new", [2, 8])
def test_a_window_is_silence_and_then_speech_to_be_made(new: int) -> None:
    bundle = toy_bundle()
    config = bundle.windows
    window = speech_window(bundle, new)
    assert window.beats == config.prefix + new + config.look_ahead
    past = config.prefix * BEAT_MEL
    assert not window.text[:past].any()
    assert (window.text[past:] > 0).mean() > 0.5, "most of it is phonemes"
    assert not window.mel_masked[:past].any() and window.mel_masked[past:].all()
    past = config.prefix * BEAT_MOTION
    assert not window.motion_masked[:past].any() and window.motion_masked[past:].all()
    assert Sampler(bundle.model, bundle.sampling).sample(window).finite


def test_sessions_differ_in_their_noise() -> None:
    bundle = toy_bundle()
    first, again, other = (speech_window(bundle, 2, seed) for seed in (0, 0, 1))
    assert np.array_equal(first.mel_noise, again.mel_noise)
    assert not np.array_equal(first.mel_noise, other.mel_noise)
