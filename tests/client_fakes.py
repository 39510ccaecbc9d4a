"""What tests of the client share: a long text, and frames until something has happened."""

from __future__ import annotations

import asyncio
from typing import Any

from jamflow_rt.client import RemoteFrame, RemoteSession

LONG = "a very long tale of many long words that nobody wants to hear to its end"


async def frames_until(session: RemoteSession, done: Any) -> list[RemoteFrame]:
    """Frames until something has happened, or the session has ended."""
    frames = []
    async with asyncio.timeout(20):
        async for frame in session:
            frames.append(frame)
            if done():
                break
    return frames
