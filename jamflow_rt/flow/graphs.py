"""CUDA graphs: the network's velocities, recorded once for each batch bucket and then replayed.

A small network keeps a GPU waiting for the next launch. A recorded graph has one launch, but fixed
shapes and fixed memory: batches are padded to a bucket, inputs are copied to where the recording
reads them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from jamflow_rt.model.jam import Condition

log = logging.getLogger(__name__)

Velocities = tuple[Tensor, Tensor]
Velocity = Callable[[Tensor, Tensor, Tensor, Condition], Velocities]
"""Of noisy mels, noisy motion, flow times and what is known; every sample by itself."""

BUCKETS = (1, 2, 4, 8, 16)
"""Batch sizes that are recorded; at most half of a pass is padding."""
_WARM_UPS = 3
"""Runs before a recording: libraries choose and set up their kernels then (PyTorch's advice)."""


class GraphBackend(Protocol):
    """What records: `CudaGraphs`, or a test's fake."""

    def capture(
        self, function: Callable[[], Velocities]
    ) -> tuple[Callable[[], object], Velocities]:
        """Record `function`: what replays it, and the tensors each replay writes its results to."""
        ...


class CudaGraphs:
    """Records on the current CUDA device."""

    def capture(
        self, function: Callable[[], Velocities]
    ) -> tuple[Callable[[], object], Velocities]:
        """See `GraphBackend`."""
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                function()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = function()
        return graph.replay, outputs


class _Inputs(NamedTuple):
    mel: Tensor
    motion: Tensor
    t: Tensor
    condition: Condition

    @property
    def tensors(self) -> list[Tensor | None]:
        return [self.mel, self.motion, self.t, *self.condition]

    @property
    def kind(self) -> tuple[tuple[int, ...] | None, ...]:
        """Shapes without the batch: what they share can share a recording."""
        return tuple(None if part is None else tuple(part.shape[1:]) for part in self.tensors)

    def padded(self, size: int) -> _Inputs:
        """A copy with `size` samples; those that lack repeat the first, whose numbers are sound."""
        missing = size - len(self.t)

        def pad(part: Tensor) -> Tensor:
            return torch.cat([part, part[:1].expand(missing, *part.shape[1:])])

        parts = [None if part is None else pad(part) for part in self.condition]
        condition = Condition(*parts)  # type: ignore[arg-type]
        return _Inputs(pad(self.mel), pad(self.motion), pad(self.t), condition)

    def fill(self, other: _Inputs) -> None:
        """Put the samples of `other` over the first of these."""
        for mine, new in zip(self.tensors, other.tensors, strict=True):
            if mine is not None and new is not None:
                mine[: len(new)].copy_(new)


class _Recording(NamedTuple):
    inputs: _Inputs
    replay: Callable[[], object]
    outputs: Velocities


class GraphedVelocity:
    """`velocity`, recorded for each window shape and bucket when it is first asked for.

    What cannot be recorded is computed as if there were no graphs: batches above the largest
    bucket, and shapes whose recording failed.

    Args:
        velocity: computes; must not depend on anything but its arguments and the weights.
        backend: records.
        buckets: batch sizes, ascending.
    """

    def __init__(
        self, velocity: Velocity, backend: GraphBackend, buckets: tuple[int, ...] = BUCKETS
    ) -> None:
        self._velocity = velocity
        self._backend = backend
        self._buckets = buckets
        # None where recording failed.
        self._recordings: dict[object, _Recording | None] = {}

    def __call__(self, mel: Tensor, motion: Tensor, t: Tensor, condition: Condition) -> Velocities:
        """The velocities of a batch."""
        inputs = _Inputs(mel, motion, t, condition)
        bucket = next((size for size in self._buckets if size >= len(t)), None)
        recording = None if bucket is None else self._recording(inputs, bucket)
        if recording is None:
            return self._velocity(mel, motion, t, condition)
        recording.inputs.fill(inputs)
        recording.replay()
        # The next replay writes to the same place.
        mel_v, motion_v = recording.outputs
        return mel_v[: len(t)].clone(), motion_v[: len(t)].clone()

    def _recording(self, inputs: _Inputs, bucket: int) -> _Recording | None:
        key = (bucket, inputs.kind)
        if key not in self._recordings:
            self._recordings[key] = self._record(inputs.padded(bucket))
        return self._recordings[key]

    def _record(self, static: _Inputs) -> _Recording | None:
        try:
            replay, outputs = self._backend.capture(lambda: self._velocity(*static))
        except Exception:
            log.warning(
                "A CUDA graph of %d windows could not be recorded; they are computed without one.",
                len(static.t),
                exc_info=True,
            )
            return None
        return _Recording(static, replay, outputs)
