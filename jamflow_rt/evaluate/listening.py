"""Do the lips follow sound alone as a real face's did?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.face import FaceState

Listen = Callable[[NDArray[np.float32]], Sequence[FaceState]]


@dataclass(frozen=True, slots=True)
class Listening:
    """Generated against real inner-lip gaps, over clips with sound."""

    clips: int
    correlation: float
    """Pearson's over the frames of all clips together."""
    correlation_per_clip: float
    """Mean of each clip's own."""


def measure_listening(
    clips: Iterable[tuple[NDArray[np.float32], Sequence[FaceState]]], listen: Listen
) -> Listening | None:
    """Let a model hear what real faces said and compare the lips; None without clips.

    Args:
        clips: (sound at 24 kHz, the real faces at 25 a second) of each.
        listen: makes faces of a sound.
    """
    made, real, each = [], [], []
    for sound, faces in clips:
        mine = np.array([face.inner_lip_gap() for face in listen(sound)])[: len(faces)]
        theirs = np.array([face.inner_lip_gap() for face in faces])[: len(mine)]
        if len(mine) < 2 or mine.std() < 1e-9 or theirs.std() < 1e-9:
            each.append(0.0)
        else:
            each.append(float(np.corrcoef(mine, theirs)[0, 1]))
        made.append(mine)
        real.append(theirs)
    if not each:
        return None
    together = np.concatenate(made), np.concatenate(real)
    flat = min(part.std() for part in together) < 1e-9
    return Listening(
        clips=len(each),
        correlation=0.0 if flat else float(np.corrcoef(*together)[0, 1]),
        correlation_per_clip=float(np.mean(each)),
    )
