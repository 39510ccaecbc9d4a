"""Tasks as mask patterns: what is known, what is generated.

JAM-Flow trains one model by inpainting; every task is one pattern of the two masks. The
modalities are masked independently, spans as F5-TTS draws them (70–100 % of the length).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION

Bools = NDArray[np.bool_]

TASKS: Mapping[str, float] = {
    "continue": 0.5,  # text → sound and motion after a clean prefix: how windows are sampled
    "infill": 0.32,  # independent spans of both, as the paper trains
    "listen": 0.1,  # sound → motion (lip-sync, idle)
    "dub": 0.08,  # motion and text → sound
}
"""Share of each task in training."""

MAX_PREFIX = 5
COLD_START = 0.15
GROUP_GIVEN = 0.1
TEXT_DROPPED = 0.1
NOTHING_KNOWN = 0.4
"""How often a pattern without text has nothing else either: what guidance leads away from."""
SOUND_ALONE = 0.6
"""How often the listening task gets no text, as when only sound is pushed."""


class MaskPattern(NamedTuple):
    """Which places of a crop are generated."""

    mel: Bools
    """(T_a,) True where sound is generated."""
    motion: Bools
    """(T_m, G) True where that group of motion is generated."""
    text_dropped: bool
    """True when the text is withheld."""


def _span(random: np.random.Generator, beats: int) -> tuple[int, int]:
    length = max(1, round(beats * random.uniform(0.7, 1.0)))
    start = int(random.integers(0, beats - length + 1))
    return start, start + length


def draw_pattern(random: np.random.Generator, task: str, beats: int, groups: int) -> MaskPattern:
    """Draw a mask pattern of one task for a crop of `beats` beats and `groups` motion groups.

    Raises:
        KeyError: the task is none of `TASKS`.
    """
    TASKS[task]
    mel = np.zeros(beats, bool)
    motion = np.zeros((beats, groups), bool)
    prefix = 0
    if random.random() > COLD_START:
        prefix = int(random.integers(1, min(MAX_PREFIX, beats - 1) + 1))
    dropped = random.random() < TEXT_DROPPED
    if task == "infill":
        start, end = _span(random, beats)
        mel[start:end] = True
        start, end = _span(random, beats)
        motion[start:end] = True
    if task in ("continue", "dub"):
        mel[prefix:] = True
    if task in ("continue", "listen"):
        motion[prefix:] = True
    if task == "listen":
        dropped = random.random() < SOUND_ALONE
    elif dropped and random.random() < NOTHING_KNOWN:
        mel[:], motion[:] = True, True
    # The paper's way: the rest of the face (here any group but the mouth) can be given.
    for group in range(1, groups):
        if task != "dub" and random.random() < GROUP_GIVEN:
            motion[:, group] = False
    return MaskPattern(mel.repeat(BEAT_MEL), motion.repeat(BEAT_MOTION, axis=0), dropped)


def draw_task(random: np.random.Generator) -> str:
    """A task by its share."""
    names = list(TASKS)
    return str(random.choice(names, p=np.array([TASKS[n] for n in names])))
