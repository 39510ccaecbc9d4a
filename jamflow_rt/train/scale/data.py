"""From clips on disk to batches for the network: cut, scaled, masked, with their noise."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.codec.mel import whiten
from jamflow_rt.config import ModelConfig
from jamflow_rt.errors import InvalidInput
from jamflow_rt.flow.objective import Batch
from jamflow_rt.train.scale.batching import BatchPlan, PlannedBatches, Row
from jamflow_rt.train.scale.patterns import pattern_of
from jamflow_rt.train.scale.recipe import Recipe
from jamflow_rt.train.scale.scaling import MotionScale
from jamflow_rt.train.shards import ClipRecord, ClipShards

Floats = NDArray[np.float32]
TextIds = Callable[[ClipRecord, int, int], NDArray[np.int64]]
"""(record, first mel frame, frames) → ids of the text on those frames."""


class Example(NamedTuple):
    """One row of a pass."""

    ids: NDArray[np.int64]
    mel: Floats
    motion: Floats
    mel_masked: NDArray[np.bool_]
    motion_masked: NDArray[np.bool_]
    text_dropped: bool
    given: Floats | None
    time: float
    mel_noise: Floats
    motion_noise: Floats


class Pass(NamedTuple):
    """What one process computes at once."""

    batch: Batch
    t: Tensor
    """(B,) flow times."""
    mel_noise: Tensor
    motion_noise: Tensor


class Examples(Dataset[Example]):
    """Rows of a plan as examples; the same row is the same example, wherever it is made.

    Args:
        shards: the clips.
        config: of the network.
        recipe: masks and flow times.
        text_ids: of the network's kind of text.
        scale: of the motion.
    """

    def __init__(
        self,
        shards: ClipShards,
        config: ModelConfig,
        recipe: Recipe,
        text_ids: TextIds,
        scale: MotionScale,
    ) -> None:
        self._shards, self._config, self._recipe = shards, config, recipe
        self._text_ids, self._scale = text_ids, scale

    def __getitem__(self, row: Row) -> Example:
        clip = self._shards[row.clip]
        random = np.random.default_rng(row.seed)
        first, frames = row.first * BEAT_MEL, row.beats * BEAT_MEL
        mel = whiten(torch.from_numpy(clip.mel[first : first + frames]).float())
        mel = mel * self._config.mel_scale + self._config.mel_shift
        part = slice(row.first * BEAT_MOTION, (row.first + row.beats) * BEAT_MOTION)
        motion = self._scale.motion(clip.motion[part])
        groups = len(self._config.groups)
        pattern = pattern_of(self._recipe.masks, random, row.beats, groups)
        return Example(
            ids=self._text_ids(clip.record, first, frames),
            mel=mel.numpy(),
            motion=motion,
            mel_masked=pattern.mel,
            motion_masked=pattern.motion,
            text_dropped=pattern.text_dropped,
            given=self._scale.given(clip.given[part])
            if self._config.given and clip.given is not None
            else None,
            time=_flow_time(self._recipe, random),
            mel_noise=random.standard_normal(mel.shape, dtype=np.float32),
            motion_noise=random.standard_normal(motion.shape, dtype=np.float32),
        )


def _flow_time(recipe: Recipe, random: np.random.Generator) -> float:
    if recipe.times == "uniform":
        return float(random.random())
    return float(1 / (1 + np.exp(-random.standard_normal())))


def together(examples: Sequence[Example]) -> Pass:
    """Examples of one length as a pass."""

    def stacked(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(example, name) for example in examples]))

    given = None if examples[0].given is None else stacked("given")
    batch = Batch(
        ids=stacked("ids"),
        mel=stacked("mel"),
        motion=stacked("motion"),
        mel_masked=stacked("mel_masked"),
        motion_masked=stacked("motion_masked"),
        text_dropped=stacked("text_dropped"),
        voice=torch.zeros(len(examples), dtype=torch.long),
        given=given,
    )
    return Pass(batch, stacked("time").float(), stacked("mel_noise"), stacked("motion_noise"))


def passes(
    examples: Examples, plan: BatchPlan, process: int, first: int, end: int, workers: int
) -> Iterator[Pass]:
    """One process's passes from `first` to `end`, read ahead by `workers` processes.

    Raises:
        InvalidInput: a clip cannot be read, or its text not be used.
    """
    try:
        yield from DataLoader(
            examples,
            batch_sampler=PlannedBatches(plan, process, first, end),
            collate_fn=together,
            num_workers=workers,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=_apart,
        )
    except InvalidInput as error:
        # From a worker comes the text of a traceback; what happened is its last line.
        *trace, last = str(error).strip().splitlines()
        raise InvalidInput(last.partition(": ")[2] if trace else last) from error


def _apart(worker: int) -> None:
    """Launchers and terminals signal a whole group; a process that ends needs its readers yet."""
    os.setpgrp()
