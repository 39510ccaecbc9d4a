"""The calibration: what windows cost on this machine, found out before sessions come."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.codec.space import Space
from jamflow_rt.codec.whitening import silence_mel
from jamflow_rt.config import WindowConfig
from jamflow_rt.flow.noise import window_noise
from jamflow_rt.flow.window import Window
from jamflow_rt.model.threads import Cores, compute_on, measured_cores
from jamflow_rt.stream.capacity import Cost
from jamflow_rt.stream.windows import WindowPlanner

if TYPE_CHECKING:
    from jamflow_rt.stream.engine import WindowSampler

log = logging.getLogger(__name__)

LONGEST = 0.5
"""Seconds; when a batch took longer, larger ones are not tried: they are learnt on the way."""


BATCH = 4
"""Windows with which the number of cores for batches is tried."""


def trial_windows(space: Space, planner: WindowPlanner) -> list[Window]:
    """One of every length in use, the longest last."""
    return [trial_window(space, planner.config, beats) for beats in planner.lengths]


def trial_window(space: Space, config: WindowConfig, beats: int) -> Window:
    """A window of a session that speaks, after a past of silence."""
    free = np.arange(beats) >= config.prefix
    mel_noise, motion_noise = window_noise(0, 0, beats, space.size)
    return Window(
        text=np.ones(beats * BEAT_MEL, np.int32),
        mel=silence_mel(beats * BEAT_MEL),
        mel_masked=free.repeat(BEAT_MEL),
        motion=np.tile(space.rest.astype(np.float32), (beats * BEAT_MOTION, 1)),
        motion_masked=np.tile(free.repeat(BEAT_MOTION)[:, None], (1, len(space.groups))),
        mel_noise=mel_noise,
        motion_noise=motion_noise,
        given=space.given(0, beats * BEAT_MOTION),
    )


def choose_cores(sampler: WindowSampler, window: Window) -> Cores:
    """Let the calling thread compute on as many cores as pay for this window, alone from now on.

    Returns:
        Their number, and how many pay for a batch of such windows: alone's, where there is no
        memory for one.
    """
    alone = measured_cores(partial(_sample, sampler, window, 1))
    try:
        together = measured_cores(partial(_sample, sampler, window, BATCH))
    except Exception as reason:
        log.warning("A batch of %d windows cannot be sampled: %r", BATCH, reason)
        together = alone
    compute_on(alone)
    return Cores(alone, max(alone, together))


def batch_costs(
    sampler: WindowSampler, window: Window, max_batch: int, cores: Cores
) -> Iterator[Cost]:
    """What a window costs alone, and in ever larger batches, as far as they can be sampled."""
    together = 1
    while together <= max_batch:
        compute_on(cores.of(together))
        try:
            seconds = min(_sample(sampler, window, together) for _ in range(2))
        except Exception as reason:
            log.warning("A batch of %d windows cannot be sampled: %r", together, reason)
            return
        yield Cost(window.beats, together, seconds / together)
        if seconds > LONGEST:
            return
        together *= 2


def _sample(sampler: WindowSampler, window: Window, together: int) -> float:
    """Seconds to sample a batch."""
    start = time.perf_counter()
    runs = [sampler.start(window) for _ in range(together)]
    while not runs[0].done:
        sampler.advance(runs)
    return time.perf_counter() - start
