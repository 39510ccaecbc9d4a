from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from jamflow_rt import protocol
from jamflow_rt.errors import Failed
from jamflow_rt.serve.conversation import MAX_INBOX, MAX_WAITING, Conversation, TextFeed
from jamflow_rt.stream import events
from jamflow_rt.stream.media import Playback
from jamflow_rt.stream.session import Session
from tests.serve_fakes import FakeSession


class Talk:
    """A conversation under test: what the client sends, and what it got."""

    def __init__(self) -> None:
        self.session = FakeSession()
        self.got: list[protocol.ServerEvent] = []
        self.conversation = Conversation(
            cast(Session, self.session),
            lambda text: self.got.append(protocol.parse_server_event(text)),
            max_text=200,
        )

    async def send(self, kind: str, **fields: Any) -> None:
        self.conversation.receive(json.dumps({"type": kind, **fields}))
        await settle()

    def types(self) -> list[str]:
        return [event.type for event in self.got]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    talk = Talk()
    task = asyncio.create_task(talk.conversation.run())
    await settle()
    yield talk
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_it_greets_with_the_session_and_its_state(talk: Talk) -> None:
    assert talk.got == [
        protocol.SessionCreated(session_id="session-1", max_text=200),
        protocol.StateChanged(state="idle"),
    ]


async def test_a_text_is_said_and_acknowledged(talk: Talk) -> None:
    await talk.send("response.create", input="Good morning.", event_id="e1")
    assert talk.session.said == ["Good morning."]
    assert talk.got[-1] == protocol.ResponseCreated(response_id="speech-1", event_id="e1")


async def test_what_the_session_does_is_told(talk: Talk) -> None:
    talk.got.clear()
    for event in (
        events.SpeechStarted(1.0, "s"),
        events.StateChanged(1.0, "speaking"),
        events.WordSpoken(1.0, "s", "Good", 0.0215, 0.4),
        events.Underrun(2.0, "s"),
        events.SpeechFinished(2.0, "s", Playback("s", 1.0, "Good")),
        events.StateChanged(1.0, "idle"),
    ):
        talk.session.emit(event)
    assert talk.got == [
        protocol.StateChanged(state="speaking"),
        protocol.TranscriptDelta(response_id="s", delta="Good", start_ms=22, end_ms=400),
        protocol.ResponseDone(response_id="s", status="completed", spoken_text="Good"),
        protocol.StateChanged(state="idle"),
    ]


async def test_pieces_become_one_speech(talk: Talk) -> None:
    for piece in ("Once ", "upon ", "", "a time."):
        await talk.send("input_text.append", delta=piece)
    await talk.send("input_text.done")
    assert len(talk.session.said) == 1
    feed = talk.session.said[0]
    assert isinstance(feed, TextFeed)
    assert [piece async for piece in feed] == ["Once ", "upon ", "a time."]
    # A feed that ended stays so.
    assert [piece async for piece in feed] == []
    assert talk.types().count("response.created") == 1


async def test_cancel_interrupts_and_ends_the_open_text(talk: Talk) -> None:
    await talk.send("input_text.append", delta="Once ")
    await talk.send("response.cancel")
    assert talk.session.interrupts == 1
    feed = talk.session.said[0]
    assert isinstance(feed, TextFeed)
    assert [piece async for piece in feed] == ["Once "]
    done = [event for event in talk.got if isinstance(event, protocol.ResponseDone)]
    assert [event.status for event in done] == ["cancelled"]
    await talk.send("input_text.append", delta="Again.")
    assert len(talk.session.said) == 2


async def test_what_the_session_refuses_is_an_error_and_the_talk_goes_on(talk: Talk) -> None:
    await talk.send("response.create", input="   ", event_id="e1")
    error = talk.got[-1]
    assert isinstance(error, protocol.ErrorEvent)
    assert (error.code, error.param, error.event_id) == ("invalid_input", "input", "e1")
    await talk.send("response.create", input="Hello.")
    assert talk.got[-1].type == "response.created"


async def test_a_malformed_message_is_an_error_and_the_talk_goes_on(talk: Talk) -> None:
    talk.conversation.receive("{")
    assert talk.got[-1].type == "error"
    await talk.send("response.create", input="Hello.")
    assert talk.got[-1].type == "response.created"


async def test_a_failed_speech_tells_why_but_not_more(talk: Talk) -> None:
    talk.got.clear()
    nothing = Playback("s", 0.0, "")
    talk.session.emit(events.SpeechInterrupted(2.0, "s", nothing, Failed("The model broke.")))
    talk.session.emit(events.SpeechInterrupted(2.0, "t", nothing, ValueError("/home/secret")))
    first, _, second, last = talk.got
    assert first == protocol.ErrorEvent(code="failed", message="The model broke.")
    assert isinstance(second, protocol.ErrorEvent)
    assert "secret" not in second.message
    assert last == protocol.ResponseDone(response_id="t", status="failed", spoken_text="")


async def test_too_many_waiting_responses_are_refused(talk: Talk) -> None:
    for _ in range(MAX_WAITING + 1):
        await talk.send("response.create", input="Hello.")
    error = talk.got[-1]
    assert isinstance(error, protocol.ErrorEvent)
    assert error.code == "overloaded"
    assert len(talk.session.said) == MAX_WAITING
    talk.session.emit(events.SpeechFinished(2.0, "speech-1", Playback("speech-1", 1.0, "Hello.")))
    await talk.send("response.create", input="Hello.")
    assert talk.got[-1].type == "response.created"


async def test_a_flood_of_messages_does_not_pile_up(talk: Talk) -> None:
    for _ in range(MAX_INBOX + 10):
        talk.conversation.receive('{"type": "response.cancel"}')
    errors = [event for event in talk.got if isinstance(event, protocol.ErrorEvent)]
    assert [event.code for event in errors] == ["too_many_messages"] * 10
    await settle()


async def test_when_it_ends_nobody_listens_any_more() -> None:
    talk = Talk()
    task = asyncio.create_task(talk.conversation.run())
    await settle()
    await talk.send("input_text.append", delta="Once ")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    talk.got.clear()
    talk.session.emit(events.StateChanged(1.0, "speaking"))
    assert talk.got == []
    feed = talk.session.said[0]
    assert isinstance(feed, TextFeed)
    assert [piece async for piece in feed] == ["Once "]
