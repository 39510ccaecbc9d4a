"""Sound out of a file; `jamflow_rt.record` writes it into one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import InvalidInput

_LATEST: Final = 60.0
"""Seconds that sound and pictures may begin apart; times in damaged files are hours."""


def read_sound(path: Path) -> NDArray[np.float32]:
    """A sound file of any kind as mono float32 at 24 kHz; that of a video begins with its pictures.

    Raises:
        InvalidInput: the file cannot be read or holds no sound, or it begins a minute before or
            after the pictures.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InvalidInput(f"{path} holds no sound.")
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
            first: float | None = None
            blocks: list[NDArray[np.float32]] = []
            for frame in container.decode(audio=0):
                first = frame.time if first is None else first
                blocks += [block.to_ndarray()[0] for block in resampler.resample(frame)]
            if not blocks:
                raise InvalidInput(f"{path} holds no sound.")
            blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
            late = _late(container, first)
    except (OSError, av.FFmpegError) as error:
        raise InvalidInput(f"{path} cannot be read as sound: {error}.") from error
    if abs(late) > _LATEST:
        raise InvalidInput(f"{path}: sound and pictures begin {late:g} s apart; cut them alike.")
    begin = round(late * SAMPLE_RATE)
    sound = np.concatenate(blocks).astype(np.float32)
    return np.pad(sound, (begin, 0)) if begin > 0 else sound[-begin:]


def _late(container: InputContainer, first: float | None) -> float:
    """Seconds from the first picture to the first sound; 0 where there are no pictures."""
    for stream in container.streams.video:
        cover = Disposition.attached_pic in stream.disposition
        begin, unit = stream.start_time, stream.time_base
        if not cover and first is not None and begin is not None and unit is not None:
            return first - float(begin * unit)
    return 0.0
