"""Sound becomes lips: python sound_to_lips.py BUNDLE me.jpg talk.wav out.mp4."""

import asyncio
import sys
from pathlib import Path

from jamflow_rt import Avatar, Frame
from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.record import record
from jamflow_rt.sound_file import read_sound


async def main(bundle: str, portrait: str, sound: str, output: str) -> None:
    """Let a sound file move the mouth of a photograph, a video or a portrait of the package."""
    pcm = read_sound(Path(sound))
    avatar = await asyncio.to_thread(lambda: Avatar.load(bundle, warm=False))
    frames: list[Frame] = []
    async with avatar, avatar.session(portrait) as session:
        speech = session.push_audio(pcm, SAMPLE_RATE)
        session.flush()
        async for frame in session:
            if frame.speech_id == speech.id:
                frames.append(frame)
            if speech.done:
                break
    print(f"{output}: {record(frames, Path(output)):.1f} s")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
