"""Sound out of a file; `jamflow_rt.record` writes it into one."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import InvalidInput


def read_sound(path: Path) -> NDArray[np.float32]:
    """A sound file of any kind as mono float32 at 24 kHz.

    Raises:
        InvalidInput: the file cannot be read or holds no sound.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InvalidInput(f"{path} holds no sound.")
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
            blocks = [
                block.to_ndarray()[0]
                for frame in container.decode(audio=0)
                for block in resampler.resample(frame)
            ]
            blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    except (OSError, av.FFmpegError) as error:
        raise InvalidInput(f"{path} cannot be read as sound: {error}.") from error
    return np.concatenate(blocks).astype(np.float32)
