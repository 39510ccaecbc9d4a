from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from jamflow_rt.client import RemoteSession
from jamflow_rt.errors import InvalidInput, Overloaded
from tests.client_fakes import LONG, frames_until
from tests.socket_fakes import until
from tests.stream_fakes import tokens


async def test_a_speech_is_heard_with_its_words(session: RemoteSession) -> None:
    speech = session.say("good morning")
    frames = await frames_until(session, lambda: speech.done and session._speeches.sounding is None)
    playback = await speech
    assert playback.spoken_text == speech.spoken_text == "good morning"
    assert not speech.interrupted
    assert [word.text for word in speech.words] == ["good", "morning"]
    mine = [frame for frame in frames if frame.speech_id == speech.id]
    assert len(mine) / 25 == pytest.approx(speech.position, abs=0.05)
    assert [word.text for frame in mine for word in frame.words] == ["good", "morning"]
    assert len([one for frame in mine for one in frame.phonemes]) == len(speech.phonemes) > 8
    assert {frame.sound.shape for frame in frames} == {(960,)}
    assert max(np.abs(frame.sound).max() for frame in mine) > 0.05
    assert (frames[0].motion, frames[0].picture) == (None, None)


async def test_a_text_that_is_still_being_written_is_said(session: RemoteSession) -> None:
    first = session.say(tokens("once ", "upon ", "a time", pause=3))
    second = session.say("the end")
    assert (await first).spoken_text == "once upon a time"
    assert first.text == "once upon a time"
    assert (await second).spoken_text == "the end"


async def test_a_long_token_goes_in_pieces(session: RemoteSession) -> None:
    # More than a message may have as JSON.
    text = " ".join(["ab"] * 1600)
    speech = session.say(tokens(text))
    await until(lambda: speech.words)
    assert speech.text == text
    assert (await session.interrupt()).speech_id == speech.id


async def test_interrupt_tells_what_was_said(session: RemoteSession) -> None:
    speech, queued = session.say(LONG), session.say("more")
    await until(lambda: len(speech.words) > 3)
    playback = await session.interrupt()
    assert playback.speech_id == speech.id
    assert LONG.startswith(playback.spoken_text) and playback.spoken_text
    assert playback.spoken_text + " " + playback.unspoken_text == LONG
    assert (await speech) == playback
    assert speech.interrupted
    assert (await queued).spoken_text == ""
    await until(lambda: session.epoch == 1)
    assert (await session.interrupt()).speech_id is None


async def test_an_interrupt_ends_a_text_that_is_still_being_written(session: RemoteSession) -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "and so on "
                await asyncio.sleep(0.05)
        finally:
            closed.set()

    speech, waiting = session.say(endless()), session.say("after it")
    await until(lambda: speech.words)
    await session.interrupt()
    await asyncio.wait_for(closed.wait(), 5)
    assert speech.interrupted and waiting.interrupted
    assert (await session.say("something else")).spoken_text == "something else"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_text_instead_of_what_is_said(session: RemoteSession, stream: bool) -> None:
    old, open_one = session.say(LONG), session.say(tokens("open", pause=10**6))
    await until(lambda: old.words)
    new = session.say(tokens("stop ", "it") if stream else "stop it", mode="interrupt")
    assert (await new).spoken_text == "stop it"
    assert old.interrupted and open_one.interrupted


async def test_what_cannot_be_said_is_refused_at_once(session: RemoteSession) -> None:
    for text in ("", "   ", "x" * 6000, 7):
        with pytest.raises(InvalidInput):
            session.say(text)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="mode"):
        session.say("hello", mode="later")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="nothing to say"):
        await session.say(tokens())


async def test_what_the_server_refuses_is_raised_by_the_speech(session: RemoteSession) -> None:
    with pytest.raises(InvalidInput, match="broken"):
        await session.say("broken text")
    speeches = [session.say("hello") for _ in range(40)]
    with pytest.raises(Overloaded):
        await speeches[-1]
    await session.interrupt()


async def test_a_source_that_breaks_is_raised_after_what_came(session: RemoteSession) -> None:
    async def broken() -> AsyncIterator[str]:
        yield "hello there. "
        raise ValueError("the language model is gone")

    speech = session.say(broken())
    with pytest.raises(ValueError, match="language model"):
        await speech
    assert speech.spoken_text == "hello there."
    assert speech.interrupted
