"""Whether the load test itself keeps up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

INTERVAL: Final = 0.02
"""Seconds between two looks: half a frame."""


@dataclass(slots=True)
class Lag:
    """How late the event loop was."""

    worst: float = 0.0
    """Seconds."""


@asynccontextmanager
async def watched() -> AsyncIterator[Lag]:
    """Watch over the event loop while inside."""
    lag = Lag()
    task = asyncio.create_task(_watch(lag))
    try:
        yield lag
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(lag: Lag) -> None:
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(INTERVAL)
        lag.worst = max(lag.worst, loop.time() - before - INTERVAL)
