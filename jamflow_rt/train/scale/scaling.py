"""Numbers of motion on the scale that the network learns in, and the way back.

Latents of the mesh are whitened by their space. LivePortrait's offsets are thousandths; they are
brought to mean 0 and spread 1 with the statistics of the shards (JAM-Flow does not say how its own
are normalised). What is given is told to the finished network as it is, so its scale goes into the
weights that read it. A run that begins with another's weights keeps the scale that they learned in.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from jamflow_rt.errors import InvalidInput
from jamflow_rt.model.jam import JamFlow
from jamflow_rt.train.shards import ShardIndex, Spread

Floats = NDArray[np.float32]

MOTION_FLOOR = 1e-6
"""Smallest spread of a number that is generated: one of LivePortrait's four never moves."""
GIVEN_FLOOR = 1e-3
"""Smallest spread of a number that is given: five keypoints only tremble (by 1e-5), which is not
worth telling."""


class MotionScale(NamedTuple):
    """Means and spreads."""

    mean: Floats  # (D,)
    std: Floats
    given_mean: Floats  # (R,)
    given_std: Floats

    @classmethod
    def of(cls, index: ShardIndex) -> Self:
        """The scale for the clips of an index."""
        if index.motion == "mesh":
            mean, std = np.zeros(index.motion_size), np.ones(index.motion_size)
        else:
            mean, std = _floored(index.motion_spread, MOTION_FLOOR)
        given = index.given_spread or Spread(mean=(), std=())
        return cls(*(a.astype(np.float32) for a in (mean, std, *_floored(given, GIVEN_FLOOR))))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            InvalidInput: it is missing or damaged.
        """
        try:
            arrays = load_file(path)
            return cls(**{name: arrays[name] for name in cls._fields})
        except (OSError, SafetensorError, KeyError) as error:
            raise InvalidInput(f"{path} is no scale of motion: {error}") from error

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        save_file(self._asdict(), path)

    def motion(self, motion: Floats) -> Floats:
        """(T, D) as the network learns it."""
        return (motion - self.mean) / self.std

    def given(self, given: Floats) -> Floats:
        """(T, R) as the network learns it."""
        return (given - self.given_mean) / self.given_std

    @torch.no_grad()
    def fold_given(self, model: JamFlow) -> None:
        """Let a network that learned from scaled given numbers read them as they are."""
        count = len(self.given_mean)
        if not count:
            return
        projection = model.motion.input_embed.proj
        columns = projection.weight[:, -count:] / torch.from_numpy(self.given_std)
        projection.bias.sub_(columns @ torch.from_numpy(self.given_mean))
        projection.weight[:, -count:] = columns

    @torch.no_grad()
    def unfold_given(self, model: JamFlow) -> None:
        """Undo `fold_given`: let a finished network learn on from scaled given numbers."""
        count = len(self.given_mean)
        if not count:
            return
        projection = model.motion.input_embed.proj
        columns = projection.weight[:, -count:]
        projection.bias.add_(columns @ torch.from_numpy(self.given_mean))
        projection.weight[:, -count:] = columns * torch.from_numpy(self.given_std)


def _floored(spread: Spread, floor: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array(spread.mean), np.maximum(np.array(spread.std), floor)
