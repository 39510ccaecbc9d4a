"""Sound from outside, as it may come: checked and brought to float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.errors import InvalidInput

LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000


def check_pcm(pcm: NDArray[Any], sample_rate: int) -> NDArray[np.float32]:
    """Sound as float32, −1…1.

    Args:
        pcm: (N,) int16 or floating samples, one channel.
        sample_rate: samples a second, 8000…48000.

    Raises:
        InvalidInput: anything else.
    """
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, int | np.integer):
        raise InvalidInput(f"The sample rate must be a whole number, not {sample_rate!r}.")
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise InvalidInput(
            f"A sample rate of {sample_rate} is not possible; {LOWEST_RATE} to {HIGHEST_RATE} is."
        )
    if not isinstance(pcm, np.ndarray) or pcm.ndim != 1:
        shape = getattr(pcm, "shape", type(pcm).__name__)
        raise InvalidInput(f"Sound must be an array (samples,) of one channel, not {shape}.")
    if pcm.dtype == np.int16:
        sound = pcm.astype(np.float32) / 32768
    elif np.issubdtype(pcm.dtype, np.floating):
        sound = pcm.astype(np.float32)
    else:
        raise InvalidInput(f"Sound must be int16 or float32, not {pcm.dtype}.")
    if len(sound) == 0:
        raise InvalidInput("The sound is empty.")
    if not np.isfinite(sound).all():
        raise InvalidInput("The sound holds NaN or infinite samples.")
    return np.clip(sound, -1.0, 1.0)
