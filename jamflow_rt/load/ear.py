"""When sound begins and when it ends, as a client hears it."""

from __future__ import annotations

import asyncio
from typing import Final

import numpy as np

from jamflow_rt.load.arrivals import Heard

LOUD: Final = 0.01
"""Samples above −40 dB are heard; the codec leaves a little noise where there was silence."""


class Ear:
    """Hears the sound of one client."""

    def __init__(self) -> None:
        self.last = float("-inf")
        """When the last sample that could be heard was over, on the event loop's clock."""
        self._waiting: list[asyncio.Future[float]] = []

    def hear(self, heard: Heard) -> None:
        """Take in a piece of sound."""
        loud = np.flatnonzero(np.abs(heard.sound) > LOUD)
        if not len(loud):
            return
        first = heard.at + int(loud[0]) / heard.sample_rate
        self.last = heard.at + (int(loud[-1]) + 1) / heard.sample_rate
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(first)

    def expect(self) -> asyncio.Future[float]:
        """When the first sample can be heard of all that comes from now on."""
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future
