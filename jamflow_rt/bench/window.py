"""Windows to be sampled, without a session around them."""

from __future__ import annotations

import numpy as np

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.bench.sentences import LONG_SENTENCE
from jamflow_rt.bundle import Bundle
from jamflow_rt.codec.whitening import silence_mel
from jamflow_rt.flow.noise import window_noise
from jamflow_rt.flow.window import Window


def speech_window(bundle: Bundle, new: int, seed: int = 0) -> Window:
    """A window of a session that speaks, with `new` new beats after silence and rest."""
    config, space, voice = bundle.windows, bundle.motion, bundle.voice()
    fresh = new + config.look_ahead
    beats = config.prefix + fresh
    ids = bundle.front.timeline(LONG_SENTENCE, voice=voice).ids()
    past, past_motion = config.prefix * BEAT_MEL, config.prefix * BEAT_MOTION
    mel = silence_mel(beats * BEAT_MEL)
    mel[past:] = 0.0
    motion = np.tile(space.rest.astype(np.float32), (beats * BEAT_MOTION, 1))
    motion[past_motion:] = 0.0
    motion_masked = np.ones((beats * BEAT_MOTION, len(space.groups)), np.bool_)
    motion_masked[:past_motion] = False
    mel_noise, motion_noise = window_noise(seed, 0, beats, space.size)
    return Window(
        text=np.concatenate([np.zeros(past, np.int32), np.resize(ids, fresh * BEAT_MEL)]),
        mel=mel,
        mel_masked=np.arange(beats * BEAT_MEL) >= past,
        motion=motion,
        motion_masked=motion_masked,
        mel_noise=mel_noise,
        motion_noise=motion_noise,
        voice=voice.number,
    )
