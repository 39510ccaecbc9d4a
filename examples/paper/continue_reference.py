"""Go on as somebody spoke before.

python continue_reference.py BUNDLE me.jpg before.wav "What was said." "What is said now." out.mp4
"""

import asyncio
import sys
from pathlib import Path

from jamflow_rt import Avatar, Frame
from jamflow_rt.record import record
from jamflow_rt.sound_file import read_sound


async def main(bundle: str, portrait: str, before: str, said: str, text: str, output: str) -> None:
    """Say a text in the voice and manner of a sound file."""
    reference = read_sound(Path(before)), said
    avatar = await asyncio.to_thread(lambda: Avatar.load(bundle, warm=False))
    frames: list[Frame] = []
    async with avatar, avatar.session(portrait) as session:
        speech = session.say(text, reference=reference)
        async for frame in session:
            if frame.speech_id == speech.id:
                frames.append(frame)
            if speech.done:
                break
        await speech
    print(f"{output}: {record(frames, Path(output)):.1f} s")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
