"""What a client has to load: it computes nothing, so it does not wait for what does."""

from __future__ import annotations

import asyncio
import json
import sys

from tests.socket_fakes import serving

CLIENT = """
import asyncio, json, sys
import numpy as np
import jamflow_rt


async def main(url):
    async with jamflow_rt.connect(url, media="motion") as session:
        speech = session.say("good morning")
        frames = []
        async for frame in session:
            frames.append(frame)
            if speech.done:
                break
        session.hear(np.zeros(1600, np.float32), 16000)
        session.push_audio(np.zeros(4800, np.float32), 24000)
        session.flush()
        pushed = session.push_motion([frame.motion for frame in frames[:5]])
        session.flush()
        await session.interrupt()
        await pushed
        assert len(frames[-1].arkit) == 52
        return speech.spoken_text


said = asyncio.run(main(sys.argv[1]))
heavy = {"torch", "numba", "hibari", "aiortc", "starlette"} & sys.modules.keys()
print(json.dumps([said, sorted(heavy)]))
"""


async def test_a_client_loads_neither_the_model_nor_the_server() -> None:
    async with serving() as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CLIENT, server.url), stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            told, _ = await process.communicate()
    assert process.returncode == 0
    assert json.loads(told) == ["good morning", []]
