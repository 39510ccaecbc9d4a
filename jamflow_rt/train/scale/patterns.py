"""What of a clip is generated and what is told: independent masks of both streams, and drops.

F5-TTS generates one span of 70 to 100 % of the sound, withholds the rest of it from 30 % of
batches, and sound and text from 20 % (`model/cfm.py`). JAM-Flow trains on masked inputs of both
streams without publishing its numbers. Here each clip draws its own, not each batch; and what is
withheld counts as generated, where F5-TTS scores the span only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.flow.masking import MaskPattern, draw_pattern, draw_task
from jamflow_rt.train.scale.recipe import SpanMasks, StreamMask, TaskMasks


def pattern_of(
    masks: SpanMasks | TaskMasks, random: np.random.Generator, beats: int, groups: int
) -> MaskPattern:
    """Draw the pattern of a clip of `beats` beats and `groups` groups of motion."""
    if isinstance(masks, TaskMasks):
        return draw_pattern(random, draw_task(random), beats, groups)
    mel = _stream(masks.audio, random, beats * BEAT_MEL)
    motion = _stream(masks.motion, random, beats * BEAT_MOTION)
    if not mel.any() and not motion.any():
        # Both known would leave nothing to learn.
        mel = _span(masks.audio, random, len(mel))
    text_dropped = random.random() < masks.text_drop
    if random.random() < masks.audio.drop:
        mel[:] = True
    if random.random() < masks.motion.drop:
        motion[:] = True
    if random.random() < masks.cond_drop:
        mel[:] = motion[:] = text_dropped = True
    of_groups = np.repeat(motion[:, None], groups, axis=1)
    for group in range(1, groups):
        if random.random() < masks.group_known:
            of_groups[:, group] = False
    return MaskPattern(mel, of_groups, text_dropped)


def _stream(mask: StreamMask, random: np.random.Generator, frames: int) -> NDArray[np.bool_]:
    if random.random() < mask.known:
        return np.zeros(frames, bool)
    return _span(mask, random, frames)


def _span(mask: StreamMask, random: np.random.Generator, frames: int) -> NDArray[np.bool_]:
    length = max(1, round(frames * random.uniform(*mask.span)))
    first = int(random.integers(frames - length + 1))
    generated = np.zeros(frames, bool)
    generated[first : first + length] = True
    return generated
