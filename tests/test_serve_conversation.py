from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from jamflow_rt import protocol
from jamflow_rt.errors import Failed, NotSupported, Overloaded
from jamflow_rt.serve.conversation import MAX_INBOX
from jamflow_rt.serve.greeting import Greeting
from jamflow_rt.serve.responses import MAX_WAITING
from jamflow_rt.serve.text_feed import TextFeed
from jamflow_rt.stream import events
from jamflow_rt.stream.media import Playback, SpokenPhoneme
from tests.conversation_fakes import Talk, error_of, settle
from tests.serve_fakes import make_frame

SILENCE = base64.b64encode(bytes(4)).decode()


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    async with Talk() as talk:
        yield talk


async def test_it_greets_with_the_session_and_its_state() -> None:
    greeting = Greeting(
        voice="low",
        portrait="mara",
        voices=("low", "high"),
        portraits=("mara",),
        media="motion",
        resume_token="once",
    )
    scopes = frozenset({"say", "view"})
    async with Talk(greeting=greeting, scopes=scopes) as talk:
        created = protocol.SessionCreated(
            session_id="session-1",
            max_text=200,
            resume_token="once",
            voice="low",
            portrait="mara",
            voices=("low", "high"),
            portraits=("mara",),
            media="motion",
            scopes=("say", "view"),
        )
        assert talk.got == [created, protocol.StateChanged(state="idle")]
        # A viewer that comes back is told how the session is by now.
        await talk.send("session.update", voice="high")
        again = talk.conversation.created(resumed=True, resume_token="twice")
        changes = {"voice": "high", "resumed": True, "resume_token": "twice"}
        assert again == created.model_copy(update=changes)


async def test_without_a_greeting_everything_is_allowed_and_nothing_to_choose(talk: Talk) -> None:
    created = talk.got[0]
    assert isinstance(created, protocol.SessionCreated)
    assert set(created.scopes) == protocol.SCOPES
    assert (created.media, created.voices, created.resumed) == ("webrtc", (), False)


async def test_a_text_is_said_and_acknowledged(talk: Talk) -> None:
    answer = await talk.send("response.create", input="Good morning.", event_id="e1")
    assert talk.session.said == ["Good morning."]
    assert answer == [protocol.ResponseCreated(response_id="speech-1", event_id="e1")]


async def test_what_the_session_does_is_told(talk: Talk) -> None:
    talk.got.clear()
    for event in (
        events.SpeechStarted(1.0, "s"),
        events.StateChanged(1.0, "speaking"),
        events.WordSpoken(1.0, "s", "Good", 0.0215, 0.4),
        events.Underrun(2.0, "s"),
        events.SpeechFinished(2.0, "s", Playback("s", 1.0, "Good", unspoken_text="")),
        events.StateChanged(1.0, "idle"),
    ):
        talk.session.emit(event)
    assert talk.got == [
        protocol.OutputAudioStarted(response_id="s"),
        protocol.StateChanged(state="speaking"),
        protocol.TranscriptDelta(response_id="s", delta="Good", start_ms=22, end_ms=400),
        protocol.OutputAudioStopped(response_id="s"),
        protocol.ResponseDone(
            response_id="s",
            status="completed",
            spoken_text="Good",
            unspoken_text="",
            audio_end_ms=1000,
        ),
        protocol.StateChanged(state="idle"),
    ]


async def test_phonemes_are_told_with_the_frames_that_are_sent(talk: Talk) -> None:
    talk.got.clear()
    frame = make_frame(0, speech_id="s")
    talk.conversation.frame(frame)
    sounds = (SpokenPhoneme("h", 0.0, 0.08), SpokenPhoneme("ə", 0.08, 0.1234))
    talk.conversation.frame(replace(frame, phonemes=sounds))
    talk.conversation.frame(make_frame(1))
    assert talk.got == [
        protocol.VisemeDelta(response_id="s", phoneme="h", start_ms=0, end_ms=80),
        protocol.VisemeDelta(response_id="s", phoneme="ə", start_ms=80, end_ms=123),
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


async def test_a_text_whose_beginning_was_refused_is_not_said_from_its_middle_on(
    talk: Talk,
) -> None:
    talk.session.fails = Overloaded("Later.")
    assert error_of(await talk.send("input_text.append", delta="One ")).code == "overloaded"
    talk.session.fails = None
    assert await talk.send("input_text.append", delta="two ") == []
    await talk.send("input_text.done")
    assert talk.session.said == []
    await talk.send("input_text.append", delta="Three.")
    assert len(talk.session.said) == 1


@pytest.mark.parametrize("kind", ["response.cancel", "output_audio_buffer.clear"])
async def test_cancel_interrupts_and_ends_the_open_text(talk: Talk, kind: str) -> None:
    await talk.send("input_text.append", delta="Once ")
    await talk.send(kind)
    assert talk.session.interrupts == 1
    feed = talk.session.said[0]
    assert isinstance(feed, TextFeed)
    assert [piece async for piece in feed] == ["Once "]
    done = [event for event in talk.got if isinstance(event, protocol.ResponseDone)]
    assert [event.status for event in done] == ["cancelled"]
    await talk.send("input_text.append", delta="Again.")
    assert len(talk.session.said) == 2


async def test_what_the_session_refuses_is_an_error_and_the_talk_goes_on(talk: Talk) -> None:
    error = error_of(await talk.send("response.create", input="   ", event_id="e1"))
    assert (error.code, error.param, error.event_id) == ("invalid_input", "input", "e1")
    assert (await talk.send("response.create", input="Hello."))[-1].type == "response.created"


async def test_a_malformed_message_is_an_error_and_the_talk_goes_on(talk: Talk) -> None:
    talk.conversation.receive("{")
    assert talk.got[-1].type == "error"
    talk.conversation.receive_media(b"\x04")
    assert talk.got[-1].type == "error"
    assert (await talk.send("response.create", input="Hello."))[-1].type == "response.created"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (NotSupported("Install it."), "not_supported", "Install it."),
        (Overloaded("Full."), "overloaded", "Full."),
        (Failed("It broke."), "failed", "It broke."),
        # Of what is no error of ours nothing is told.
        (ZeroDivisionError("/home/secret"), "failed", "Something broke in the server."),
    ],
)
async def test_every_error_has_a_code_and_ends_nothing(
    talk: Talk, error: Exception, code: str, message: str
) -> None:
    talk.session.fails = error
    told = error_of(await talk.send("response.create", input="Hello.", event_id="e"))
    assert (told.code, told.message, told.param, told.event_id) == (code, message, None, "e")
    talk.session.fails = None
    assert (await talk.send("response.create", input="Hello."))[-1].type == "response.created"


async def test_a_failed_speech_tells_why_but_not_more(talk: Talk) -> None:
    talk.got.clear()
    nothing = Playback("s", 0.0, "")
    talk.session.emit(events.SpeechInterrupted(2.0, "s", nothing, Failed("The model broke.")))
    talk.session.emit(events.SpeechInterrupted(2.0, "t", nothing, ValueError("/home/secret")))
    first, _, second, last = talk.got
    assert first == protocol.ErrorEvent(code="failed", message="The model broke.")
    assert isinstance(second, protocol.ErrorEvent)
    assert "secret" not in second.message
    assert isinstance(last, protocol.ResponseDone)
    assert (last.response_id, last.status) == ("t", "failed")


async def test_too_many_waiting_responses_are_refused_unless_they_interrupt(talk: Talk) -> None:
    for _ in range(MAX_WAITING):
        await talk.send("response.create", input="Hello.")
    assert error_of(await talk.send("response.create", input="Hello.")).code == "overloaded"
    refused = await talk.send("input_audio_buffer.append", audio=SILENCE)
    assert error_of(refused).code == "overloaded"
    assert len(talk.session.said) == MAX_WAITING
    talk.session.emit(events.SpeechFinished(2.0, "speech-1", Playback("speech-1", 1.0, "Hello.")))
    assert (await talk.send("response.create", input="Hello."))[-1].type == "response.created"
    answer = await talk.send("response.create", input="Stop.", mode="interrupt")
    assert [event.type for event in answer[-2:]] == ["response.done", "response.created"]
    assert len(talk.conversation._responses) == 1


async def test_a_flood_of_messages_does_not_pile_up(talk: Talk) -> None:
    for _ in range(MAX_INBOX + 10):
        talk.conversation.receive('{"type": "response.cancel"}')
    errors = [event for event in talk.got if isinstance(event, protocol.ErrorEvent)]
    assert [event.code for event in errors] == ["too_many_messages"] * 10


async def test_what_was_turned_away_leaves_no_trace() -> None:
    allowed = True

    def allow(event: protocol.ClientEvent) -> bool:
        if not allowed and event.event_id == "why":
            raise Overloaded("At most 5 a minute.")
        return allowed

    async with Talk(allow=allow) as talk:
        allowed = False
        assert error_of(await talk.send("input_text.append", delta="One")).code == "rate_limited"
        error = error_of(await talk.send("response.create", input="Hello.", event_id="why"))
        assert error.code == "rate_limited"
        assert (error.message, error.event_id) == ("At most 5 a minute.", "why")
        allowed = True
        # The piece that was turned away opened no text.
        assert (await talk.send("response.create", input="Hi."))[-1].type == "response.created"
        assert talk.session.said == ["Hi."]


async def test_limits_and_ends_are_told(talk: Talk) -> None:
    talk.got.clear()
    talk.conversation.tell_limits(120, 3, 41.5)
    talk.conversation.tell_expiring("idle", 30.0)
    talk.conversation.tell_closed("idle")
    talk.conversation.tell_closed("server")
    assert talk.got == [
        protocol.RateLimits(limit=120, remaining=3, reset_seconds=41.5),
        protocol.SessionExpiring(reason="idle", seconds=30.0),
        protocol.SessionClosed(reason="idle"),
    ]
    assert error_of(await talk.send("response.create", input="Hi.")).code == "session_expired"
    assert talk.session.said == []


async def test_a_failed_session_is_closed(talk: Talk) -> None:
    talk.got.clear()
    talk.session.emit(events.SessionFailed(1.0, Failed("The engine died.")))
    assert talk.got == [
        protocol.ErrorEvent(code="failed", message="The engine died."),
        protocol.SessionClosed(reason="failed"),
    ]


async def test_activity_is_what_the_viewer_asks_for() -> None:
    noted: list[str] = []
    async with Talk(on_activity=lambda: noted.append("here")) as talk:
        talk.conversation.receive("{")
        await talk.send("playback.position", item_id="s", ms=1.5)
        await talk.send("input_audio_buffer.append", audio=SILENCE, purpose="hear")
        talk.session.emit(events.Metrics(1.0, 1.0, 0.0, 0, None))
        assert noted == []
        await talk.send("avatar.state", state="listening")
        assert noted == ["here"]
        await talk.send("avatar.resume")
        assert noted == ["here", "here"]
        # What the session does is no asking; `Deadlines` hears of that from the session.
        talk.session.emit(events.WordSpoken(1.0, "s", "Long", 0.0, 0.4))
        assert noted == ["here", "here"]


async def test_when_it_ends_nobody_listens_any_more() -> None:
    async with Talk() as talk:
        await talk.send("input_text.append", delta="Once ")
    talk.got.clear()
    talk.session.emit(events.StateChanged(1.0, "speaking"))
    assert talk.got == []
    feed = talk.session.said[0]
    assert isinstance(feed, TextFeed)
    assert [piece async for piece in feed] == ["Once "]


async def test_messages_that_come_before_it_runs_are_acted_on() -> None:
    talk = Talk()
    talk.conversation.receive('{"type": "response.create", "input": "Early."}')
    async with talk:
        await settle()
        assert talk.session.said == ["Early."]


async def test_a_full_inbox_leaves_others_their_turn(talk: Talk) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for _ in range(50):
        talk.conversation.receive('{"type": "avatar.resume"}')
    while len(talk.session.calls) < 50:
        await settle()
    task.cancel()
    assert turns >= 50
