"""The scale on which the network sees mels, and what silence is on it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import N_MELS

FLOOR: Final = 1e-5
"""What mel bands are clamped to before their logarithm is taken."""
MEAN: Final = -3.46
STD: Final = 4.30
"""Average and spread of the log-mel over the training corpus."""
SILENCE: Final = (math.log(FLOOR) - MEAN) / STD
"""The whitened mel of digital silence, the same in every band."""


def silence_mel(frames: int) -> NDArray[np.float32]:
    """Whitened mel (frames, 100) of digital silence."""
    return np.full((frames, N_MELS), SILENCE, np.float32)
