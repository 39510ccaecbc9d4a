"""Talk to the avatar while it speaks: it stops, listens, and says what you did not hear.

Needs a microphone and `pip install "jamflow-rt[speakers]"`. Works through loudspeakers too.
"""

import asyncio

import numpy as np
import sounddevice

from jamflow_rt import Avatar, Playback
from jamflow_rt.stream.events import Event, UserStopped

RATE = 16_000
STORY = (
    "Let me tell you the whole story from the very beginning, because every single part of it "
    "matters, and I would not want you to miss anything."
)


async def main() -> None:
    """Tell a story until Ctrl+C."""
    loop = asyncio.get_running_loop()
    async with await asyncio.to_thread(Avatar.load) as avatar, avatar.session() as session:

        def heard(sound: np.ndarray, *_: object) -> None:
            loop.call_soon_threadsafe(session.hear, sound[:, 0].copy(), RATE)

        def answer(event: Event) -> None:
            if isinstance(event, UserStopped):
                session.say(f"Where was I? {playback.unspoken_text or STORY}")

        def note(event: Event) -> None:
            nonlocal playback
            playback = getattr(event, "playback", playback)

        playback = Playback(None, 0.0, "")
        session.on_event(note)
        session.on_event(answer)
        session.say(STORY)
        with (
            sounddevice.InputStream(RATE, channels=1, dtype="float32", callback=heard),
            sounddevice.OutputStream(24_000, channels=1, dtype="float32") as speakers,
        ):
            async for frame in session:
                speakers.write(frame.sound[:, None])


if __name__ == "__main__":
    asyncio.run(main())
