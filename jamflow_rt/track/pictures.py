"""The pictures of a video file with their times, upright."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.errors import InvalidInput

FEWEST: Final = 12.0
"""Pictures a second without which lips cannot be followed."""
# A picture that comes sooner after the last one is left out, so that 50 or 60 a second are halved.
_CLOSEST: Final = 0.024


class Picture(NamedTuple):
    """One picture of a video."""

    start: float
    """Seconds from the first picture."""
    end: float
    """The same, of the moment when it is shown no longer."""
    rgb: NDArray[np.uint8]  # (H, W, 3)


def read_pictures(path: Path, longest: float | None = None) -> Iterator[Picture]:
    """The pictures of a video, upright, about 40 a second at most.

    Args:
        path: the video.
        longest: seconds that are accepted.

    Raises:
        InvalidInput: the file cannot be read, has no pictures or too few a second, or is longer
            than `longest`.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InvalidInput(f"{path.name} holds no video: give a file with pictures.")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0)
            if rate < FEWEST:
                raise InvalidInput(
                    f"{path.name} has {rate:g} pictures a second; lips need at least {FEWEST:g}."
                )
            stream.thread_type = "AUTO"
            first: float | None = None
            due = 0.0
            for count, frame in enumerate(container.decode(stream)):
                time = count / rate if frame.time is None else frame.time
                first = time if first is None else first
                start, end = time - first, time - first + 1 / rate
                if longest is not None and start >= longest:
                    raise InvalidInput(
                        f"{path.name} is longer than {longest:g} s: cut it into parts."
                    )
                if start >= due:
                    due = start + _CLOSEST
                    upright = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
                    yield Picture(start, end, np.ascontiguousarray(upright, np.uint8))
    except (OSError, av.FFmpegError) as error:
        raise InvalidInput(f"{path} cannot be read as a video: {error}.") from error


def pictures_at_our_rate(
    path: Path, frames: int, longest: float | None = None
) -> list[NDArray[np.uint8]]:
    """What is shown at each of so many motion frames, 25 a second; errors as `read_pictures`."""
    read = list(read_pictures(path, longest))
    starts = np.array([picture.start for picture in read])
    shown = np.searchsorted(starts, np.arange(frames) / MOTION_RATE + 1e-6, side="right") - 1
    return [read[max(0, index)].rgb for index in shown]
