from __future__ import annotations

import asyncio

import numpy as np
import pytest

from jamflow_rt.client import RemoteSession
from jamflow_rt.errors import InvalidInput
from tests.client_fakes import frames_until
from tests.socket_fakes import until


async def test_frames_come_in_order_on_the_media_clock(session: RemoteSession) -> None:
    frames = await frames_until(session, lambda: session.time > 1.5)
    steps = np.diff([frame.time for frame in frames])
    assert steps == pytest.approx(0.04)
    assert session.time == pytest.approx(frames[-1].time + 0.04, abs=0.1)


async def test_who_reads_late_gets_the_latest(session: RemoteSession) -> None:
    await until(lambda: session.time > 4.0)
    frame = await anext(session)
    assert session.time - frame.time < 2.2
    reading = asyncio.ensure_future(frames_until(session, lambda: session.closed))
    await asyncio.sleep(0)
    with pytest.raises(InvalidInput, match="one reader"):
        await anext(session)
    reading.cancel()
