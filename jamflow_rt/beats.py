"""The time grid every room shares.

Sound has 24 000 samples a second, the mel 93.75 frames, motion 25 frames. Their common measure
is the *beat*: 160 ms = 4 motion frames = 15 mel frames = 3840 samples. Windows start and end on
beats, so no room ever has to round.
"""

from typing import Final

SAMPLE_RATE: Final = 24_000
HOP: Final = 256
N_FFT: Final = 1024
N_MELS: Final = 100
MEL_RATE: Final = SAMPLE_RATE / HOP
MOTION_RATE: Final = 25

BEAT_SAMPLES: Final = 3840
BEAT_MEL: Final = 15
BEAT_MOTION: Final = 4
BEAT_SECONDS: Final = BEAT_SAMPLES / SAMPLE_RATE

SAMPLES_PER_MOTION: Final = SAMPLE_RATE // MOTION_RATE
MEL_PER_MOTION: Final = BEAT_MEL / BEAT_MOTION
"""3.75: where a motion frame sits among the mel frames (JAM-Flow, temporally aligned RoPE)."""


def beats_for_mel(frames: int) -> int:
    """The number of whole beats that hold `frames` mel frames (rounded up)."""
    return -(-frames // BEAT_MEL)
