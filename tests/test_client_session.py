from __future__ import annotations

from typing import Any

import pytest

from jamflow_rt.client import Expiring, RemoteSession, connect
from jamflow_rt.errors import Failed, InvalidInput, NotAuthorized, Overloaded
from jamflow_rt.stream import events
from jamflow_rt.stream.events import UserStarted, WordSpoken
from tests.client_fakes import LONG, frames_until
from tests.socket_fakes import Server, until


async def test_a_session_can_be_awaited(server: Server) -> None:
    session = await connect(server.url, media="audio")
    assert session.id == "s"
    assert session.state == "idle"
    assert "idle" in repr(session)
    speech = session.say(LONG)
    await until(lambda: speech.words)
    await session.aclose()
    await session.aclose()
    assert speech.interrupted and session.closed
    with pytest.raises(StopAsyncIteration):
        await anext(session)
    with pytest.raises(Failed, match="closed"):
        session.say("hello")
    await until(lambda: server.open_sessions == 0)


async def test_what_the_server_refuses_is_raised_as_by_a_local_session(server: Server) -> None:
    with pytest.raises(InvalidInput, match="bass"):
        await connect(server.url, media="audio", voice="bass")
    with pytest.raises(InvalidInput, match="media"):
        connect(server.url, media="film")  # type: ignore[arg-type]
    server.token = "secret"
    with pytest.raises(NotAuthorized):
        await connect(server.url, "wrong", media="audio")
    async with connect(server.url, token="secret", media="audio"):
        server.max_sessions = 1
        with pytest.raises(Overloaded, match="taken"):
            await connect(server.url, token="secret", media="audio")
    with pytest.raises(Failed, match="cannot be reached"):
        await connect("http://127.0.0.1:1", media="audio")
    with pytest.raises(NotAuthorized, match="check the address"):
        await connect(server.url + "/elsewhere", media="audio")


async def test_pause_and_resume_listen_and_idle(session: RemoteSession) -> None:
    speech = session.say(LONG)
    await until(lambda: len(speech.words) > 2)
    session.pause()
    await until(lambda: session.state == "idle")
    said = len(speech.words)
    await frames_until(session, lambda: session.epoch == 1)
    frame = await anext(session)
    assert frame.speech_id is None
    session.resume()
    assert (await speech).spoken_text == LONG
    assert len(speech.words) > said
    session.listen()
    await until(lambda: session.state == "listening")
    session.idle()
    await until(lambda: session.state == "idle")


async def test_update(server: Server) -> None:
    async with connect(server.url, media="video") as session:
        await session.update(speed=2.0)
        assert server.stages[0].session._saying.settings.speed == 2.0
        with pytest.raises(InvalidInput, match="bass"):
            await session.update(voice="bass")
        with pytest.raises(InvalidInput, match="cannot be set"):
            await session.update(speed=99.0)


async def test_events_are_those_of_a_local_session(server: Server, session: RemoteSession) -> None:
    seen: list[Any] = []
    words: list[WordSpoken] = []
    session.on_event(seen.append)
    unsubscribe = session.on("speech.word", words.append)
    with pytest.raises(InvalidInput, match="no event type"):
        session.on("speech.sung", words.append)
    speech = session.say("good morning")
    await speech
    assert [word.text for word in words] == ["good", "morning"]
    assert {word.speech_id for word in words} == {speech.id}
    unsubscribe()
    await session.say("again")
    assert len(words) == 2
    kinds = [event.type for event in seen]
    assert kinds.index("speech.started") < kinds.index("speech.word")
    assert kinds.index("speech.word") < kinds.index("speech.finished")
    server.stages[0].session._listeners.tell(UserStarted(1.0, False))
    server.stages[0].session._listeners.tell(events.UserStopped(1.0))
    server.stages[0].session._listeners.tell(events.Metrics(1.0, 0.5, 0.01, 3, None))
    await until(lambda: seen[-1].type == "metrics")
    assert [event.type for event in seen[-3:]] == ["user.started", "user.stopped", "metrics"]
    assert (seen[-1].ahead, seen[-1].underruns, seen[-1].first_frame) == (0.5, 3, None)
    (viewer,) = server.sockets
    viewer.conversation.tell_expiring("idle", 30.0)
    await until(lambda: isinstance(seen[-1], Expiring))


async def test_a_listener_that_breaks_harms_nobody(
    session: RemoteSession, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: Any) -> None:
        raise ZeroDivisionError("a bug of theirs")

    session.on_event(broken)
    assert (await session.say("hello")).spoken_text == "hello"
    assert "a bug of theirs" in caplog.text
