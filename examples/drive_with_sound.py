"""Let any voice move the face: a sound file plays as if it came from another speech engine.

python examples/drive_with_sound.py voice.wav talk.mp4
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from jamflow_rt import Avatar, Frame
from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.record import record
from jamflow_rt.sound_file import read_sound


async def chunks(sound: np.ndarray) -> AsyncIterator[np.ndarray]:
    """20 ms at a time, as a phone line or a speech engine gives them."""
    for start in range(0, len(sound), SAMPLE_RATE // 50):
        yield sound[start : start + SAMPLE_RATE // 50]
        await asyncio.sleep(0.02)


async def main() -> None:
    """Push the sound in and keep what comes out."""
    sound = read_sound(Path(sys.argv[1]))
    frames: list[Frame] = []
    async with await asyncio.to_thread(Avatar.load) as avatar, avatar.session() as session:

        async def push() -> None:
            async for chunk in chunks(sound):
                session.push_audio(chunk, SAMPLE_RATE)
            session.flush()

        pushing = asyncio.create_task(push())
        async for frame in session:
            frames.append(frame)
            if pushing.done() and session.state == "idle":
                break
    print(f"{record(frames, Path(sys.argv[2])):.1f} s")


if __name__ == "__main__":
    asyncio.run(main())
