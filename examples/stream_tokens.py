"""Speak while the text is still being written, as with a language model that streams tokens.

The first clause sounds before the last word exists. Words are printed when they are heard.
"""

import asyncio
from collections.abc import AsyncIterator

from jamflow_rt import Avatar
from jamflow_rt.stream.events import Event, WordSpoken

ANSWER = (
    "The nearest star is the Sun, of course. The next one is Proxima Centauri, "
    "and its light needs more than four years to reach us."
)


async def tokens() -> AsyncIterator[str]:
    """Stands in for a language model: some twenty tokens a second."""
    for word in ANSWER.split():
        await asyncio.sleep(0.05)
        yield word + " "


def show(event: Event) -> None:
    """Print words as they are heard."""
    if isinstance(event, WordSpoken):
        print(f"{event.start:6.2f} s  {event.text}")


async def main() -> None:
    """Hold a session for one answer."""
    async with await asyncio.to_thread(Avatar.load) as avatar, avatar.session() as session:
        session.on_event(show)
        speech = session.say(tokens())
        async for _frame in session:
            # Due now: show its picture (512, 512, 3), play its sound (960,).
            if speech.done:
                break
    print("heard:", speech.spoken_text)


if __name__ == "__main__":
    asyncio.run(main())
