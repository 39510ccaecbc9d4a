"""Initial noise, fixed by (seed, absolute beat), so that a re-sampled beat agrees with itself."""

from __future__ import annotations

import numpy as np

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, N_MELS
from jamflow_rt.flow.window import Floats


def beat_noise(seed: int, beat: int, motion_size: int) -> tuple[Floats, Floats]:
    """Normal noise (15, 100) for the sound and (4, D) for the motion of one absolute beat."""
    generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, beat % 2**32]))
    mel = generator.standard_normal((BEAT_MEL, N_MELS), dtype=np.float32)
    motion = generator.standard_normal((BEAT_MOTION, motion_size), dtype=np.float32)
    return mel, motion


def window_noise(seed: int, first_beat: int, beats: int, motion_size: int) -> tuple[Floats, Floats]:
    """Noise (15·beats, 100) and (4·beats, D) of a run of beats."""
    parts = [beat_noise(seed, first_beat + i, motion_size) for i in range(beats)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
