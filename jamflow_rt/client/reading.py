"""Frames on their way to who reads them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.client.frames import RemoteFrame
from jamflow_rt.errors import InvalidInput, JamflowError

MAX_WAITING: Final = 2 * MOTION_RATE
"""Frames that wait for a reader: two seconds, then the oldest fall out."""


class Frames:
    """Holds the frames of a session until its one reader takes them."""

    def __init__(self) -> None:
        self._waiting: deque[RemoteFrame] = deque()
        self._wake = asyncio.Event()
        self._reading = False
        self._ended = False
        self._error: JamflowError | None = None
        self.time = 0.0
        """Seconds on the media clock: the end of the last frame that came."""

    def put(self, frame: RemoteFrame) -> None:
        """Another one came; when too many wait, the oldest falls out."""
        self._waiting.append(frame)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
        self.time = frame.time + 1 / MOTION_RATE
        self._wake.set()

    def clear(self) -> None:
        """Those that wait are not to be shown any more."""
        self._waiting.clear()

    def end(self, error: JamflowError | None) -> None:
        """No more come, because of an error or in good order."""
        self._ended, self._error = True, error
        self._waiting.clear()
        self._wake.set()

    async def next(self) -> RemoteFrame:
        """See `RemoteSession.__anext__`."""
        if self._reading:
            raise InvalidInput("A session has one reader; another task iterates over it already.")
        self._reading = True
        try:
            while True:
                if self._ended:
                    raise self._error or StopAsyncIteration
                if self._waiting:
                    return self._waiting.popleft()
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._reading = False
