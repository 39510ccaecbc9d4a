"""The network's velocities as a recorded sequence of operations, for a CPU.

A step of the small network is some 1,500 operations, and Python needs as long to say which as half
of the shortest windows' products take. A trace says them without Python: measured on one core, 36
→ 25 ms a step at 5 beats and 102 → 86 ms at 21, with bit for bit the same result.
"""

from __future__ import annotations

import logging
import warnings

import torch
from torch import Tensor, nn

from jamflow_rt.flow.graphs import Velocities, Velocity
from jamflow_rt.model.jam import Condition, JamFlow

log = logging.getLogger(__name__)

_Kind = tuple[tuple[int, ...] | None, ...]


class TracedVelocity:
    """`velocity`, traced for the window shapes that were prepared; others are computed as ever.

    Args:
        model: the network; its weights do not change any more.
        velocity: computes with that network and nothing around it: no guidance, no autocast.
    """

    def __init__(self, model: JamFlow, velocity: Velocity) -> None:
        self._model = model
        self._velocity = velocity
        self._traces: dict[_Kind, torch.jit.ScriptModule | None] = {}

    def __call__(self, mel: Tensor, motion: Tensor, t: Tensor, condition: Condition) -> Velocities:
        """The velocities of a batch."""
        trace = self._traces.get(_kind(mel, motion, condition))
        if trace is None:
            return self._velocity(mel, motion, t, condition)
        # Unoptimised: otherwise the first passes of every shape and batch take tenths of a second.
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            parts = (part for part in condition if part is not None)
            mel_v, motion_v = trace(mel, motion, t, *parts)
        return mel_v, motion_v

    def prepare(self, mel: Tensor, motion: Tensor, t: Tensor, condition: Condition) -> None:
        """Trace the shape of these inputs, for batches of any size; takes about a second.

        Where it cannot be traced, or the trace computes something else, it is computed as ever.
        """
        kind = _kind(mel, motion, condition)
        if kind in self._traces:
            return
        self._traces[kind] = None
        given = tuple(part is not None for part in condition)
        inputs = (mel, motion, t, *(part for part in condition if part is not None))
        try:
            with warnings.catch_warnings():
                # It says of itself that it is deprecated; what shall replace it wants a compiler.
                warnings.simplefilter("ignore")
                traced = torch.jit.trace(  # type: ignore[no-untyped-call]
                    _Positional(self._model, given).eval(), inputs, check_trace=False
                )
                with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
                    ours = traced(*inputs)
            theirs = self._velocity(mel, motion, t, condition)
            same = all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
        except Exception:
            log.warning("Windows are computed untraced, somewhat slower.", exc_info=True)
            return
        if same:
            self._traces[kind] = traced
        else:
            log.warning("A trace computes something else than the network; it is not used.")


class _Positional(nn.Module):
    """The network with the parts of its condition as arguments in a row, those that are there."""

    def __init__(self, model: JamFlow, given: tuple[bool, ...]) -> None:
        super().__init__()
        self.model = model
        self.given = given

    def forward(self, mel: Tensor, motion: Tensor, t: Tensor, *parts: Tensor) -> Velocities:
        """The velocities."""
        waiting = iter(parts)
        condition = Condition(*(next(waiting) if there else None for there in self.given))  # type: ignore[arg-type]
        velocities: Velocities = self.model(mel, motion, t, condition)
        return velocities


def _kind(mel: Tensor, motion: Tensor, condition: Condition) -> _Kind:
    """Shapes without the batch."""
    parts = (mel, motion, *condition)
    return tuple(None if part is None else tuple(part.shape[1:]) for part in parts)
