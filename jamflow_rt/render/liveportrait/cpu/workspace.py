"""Memory that is used again and again: fresh pages cost a CPU as much as what is done with them."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor


class Workspace:
    """Buffers by name. What one holds is lost when its name is taken again."""

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """A buffer of that shape, with anything in it."""
        size = prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or len(buffer) < size:
            buffer = self._buffers[name] = torch.empty(size)
        return buffer[:size].view(shape)

    def framed(self, name: str, depth: int, height: int, width: int, channels: int) -> Tensor:
        """A buffer (D, H + 2, W + 2, C) whose outermost pixels are zero, with anything inside."""
        buffer = self.take(name, depth, height + 2, width + 2, channels)
        for edge in (0, -1):
            buffer[:, edge].zero_()
            buffer[:, :, edge].zero_()
        return buffer


def inside(framed: Tensor) -> Tensor:
    """The pixels (D, H, W, C) within the frame."""
    return framed[:, 1:-1, 1:-1]
