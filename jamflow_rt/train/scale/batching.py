"""Which clips are computed together, in which order: the same for the same seed, at any step.

A pass takes clips of one length from all of the data, and every process its share of them. All
that is random about a clip comes from the pass and the clip's place in it, not from the process
that computes it; so two processes do what one does with twice the frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from jamflow_rt.beats import BEAT_MEL
from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.scale.recipe import Batches, Lengths

Ints = NDArray[np.int64]


class Row(NamedTuple):
    """A stretch of a clip in a pass."""

    clip: int
    first: int
    """The beat it begins at."""
    beats: int
    seed: tuple[int, int, int]
    """Of all that is random about it: the training's seed, the pass, the place in the pass."""


class BatchPlan:
    """The passes of a training; all clips come once an epoch.

    Clips are ordered by length, at random among equals, and cut into passes; the order of passes
    is random as well. A pass that would not divide among the processes repeats some of its clips.

    Args:
        clips: numbers of the clips to use.
        beats: length of each of them, in whole beats.
        lengths: how long they may be.
        batches: how many make a pass.
        seed: of the order.
        processes: that share a pass.

    Raises:
        InvalidInput: no clip is left, or a pass cannot be divided among the processes.
    """

    def __init__(
        self,
        clips: Sequence[int],
        beats: Sequence[int],
        lengths: Lengths,
        batches: Batches,
        seed: int,
        processes: int,
    ) -> None:
        self._clips = np.asarray(clips, np.int64)
        self._beats = np.asarray(beats, np.int64)
        self._lengths, self._seed, self._processes = lengths, seed, processes
        self._frames = batches.frames * processes
        self._multiple = batches.multiple or processes
        if not len(self._clips):
            raise InvalidInput("There are no clips to train on.")
        if self._multiple % processes:
            raise InvalidInput(
                f"batches.multiple is {self._multiple}, which {processes} processes cannot share."
            )
        self._epoch, self._passes = -1, list[list[tuple[int, int, int]]]()
        self._make(0)
        self.per_epoch = len(self._passes)
        """Passes an epoch; the same in each, since lengths are."""

    def rows(self, number: int) -> list[Row]:
        """The rows of a pass, of all processes; passes count from 0, on through the epochs."""
        epoch, place = divmod(number, self.per_epoch)
        if epoch != self._epoch:
            self._make(epoch)
        return [
            Row(clip, first, beats, (self._seed, number, place_in_pass))
            for place_in_pass, (clip, first, beats) in enumerate(self._passes[place])
        ]

    def share(self, number: int, process: int) -> list[Row]:
        """Those of one process."""
        rows = self.rows(number)
        size = len(rows) // self._processes
        return rows[process * size : (process + 1) * size]

    def _make(self, epoch: int) -> None:
        random = np.random.default_rng([self._seed, epoch])
        shuffled = random.permutation(len(self._clips))
        lengths = self._cut(shuffled)
        firsts = random.integers(self._beats - lengths + 1)
        ordered = shuffled[np.argsort(lengths[shuffled], kind="stable")]
        passes: list[list[int]] = [[]]
        for index in ordered:
            shortest = int(lengths[passes[-1][0]]) if passes[-1] else int(lengths[index])
            longer = lengths[index] > shortest + self._lengths.slack
            if longer or len(passes[-1]) == self._most(shortest):
                passes.append([])
            passes[-1].append(int(index))
        self._passes = [
            [
                (int(self._clips[index]), int(firsts[index]), int(lengths[members[0]]))
                for index in np.resize(members, -(-len(members) // self._multiple) * self._multiple)
            ]
            for members in (passes[place] for place in random.permutation(len(passes)))
        ]
        self._epoch = epoch

    def _most(self, beats: int) -> int:
        fitting = self._frames // (beats * BEAT_MEL)
        return max(self._multiple, fitting // self._multiple * self._multiple)

    def _cut(self, shuffled: Ints) -> Ints:
        """(clips,) how long each is to be, each of the allowed lengths equally often."""
        lengths = self._beats.copy()
        crops = sorted(self._lengths.crops or ())
        if not crops:
            return lengths
        # Clips that allow the same lengths take turns: the numbers then are the same every epoch.
        allowed = np.searchsorted(crops, self._beats, side="right")
        for count in range(1, len(crops) + 1):
            members = shuffled[allowed[shuffled] == count]
            lengths[members] = np.resize(crops[:count], len(members))
        return lengths


class PlannedBatches(Sampler[list[Row]]):
    """One process's rows, pass after pass from `first` to `end`."""

    def __init__(self, plan: BatchPlan, process: int, first: int, end: int) -> None:
        super().__init__()
        self._plan, self._process, self._range = plan, process, range(first, end)

    def __iter__(self) -> Iterator[list[Row]]:
        for number in self._range:
            yield self._plan.share(number, self._process)

    def __len__(self) -> int:
        return len(self._range)
