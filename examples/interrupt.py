"""Interrupt a speech, and learn what was heard of it."""

import asyncio

from jamflow_rt import Avatar

LONG = (
    "Let me tell you the whole story from the very beginning, because every single part of it "
    "matters, and I would not want you to miss anything."
)


async def main() -> None:
    """Speak, be interrupted after two seconds, and answer."""
    async with await asyncio.to_thread(Avatar.load) as avatar, avatar.session() as session:
        speech = session.say(LONG)
        interrupted = False
        async for _frame in session:  # due now: show its picture, play its sound
            if not interrupted and speech.position >= 2.0:
                heard = await session.interrupt()
                print(f"interrupted after {heard.position:.2f} s, heard: {heard.spoken_text!r}")
                interrupted = True
                speech = session.say("All right, I will keep it short.")
            elif speech.done:
                break
    print("then heard:", speech.spoken_text)


if __name__ == "__main__":
    asyncio.run(main())
