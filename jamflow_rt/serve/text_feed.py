"""A text that comes in pieces from a client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator


class TextFeed(AsyncIterator[str]):
    """A text that is still being written, as `Session.say` takes it."""

    def __init__(self) -> None:
        # Unbounded here: the protocol bounds the text. None marks the end.
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self._closed = False

    def append(self, delta: str) -> None:
        """Add a piece; nothing is added any more once the feed is closed."""
        if delta and not self._closed:
            self._pieces.put_nowait(delta)

    def close(self) -> None:
        """Nothing more comes."""
        if not self._closed:
            self._closed = True
            self._pieces.put_nowait(None)

    async def __anext__(self) -> str:
        piece = await self._pieces.get()
        if piece is None:
            # For whoever asks again after the end.
            self._pieces.put_nowait(None)
            raise StopAsyncIteration
        return piece
