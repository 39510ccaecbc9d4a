from __future__ import annotations

from typing import Any

import pytest

from jamflow_rt.client import ConnectionLost, ConnectionResumed, RemoteSession, connect, link
from jamflow_rt.errors import Failed
from jamflow_rt.stream import events
from tests.client_fakes import LONG, frames_until
from tests.socket_fakes import Server, serving, until


def cut(session: RemoteSession) -> None:
    """Lose the socket as a network does."""
    assert session._link._socket is not None
    session._link._socket.transport.abort()


@pytest.mark.parametrize("media", ["audio", "video"])
async def test_a_lost_socket_is_not_the_end(server: Server, media: Any) -> None:
    async with connect(server.url, media=media) as session:
        seen: list[Any] = []
        session.on_event(seen.append)
        speech, later = session.say(LONG), session.say("and more")
        for _ in range(2):
            words = len(speech.words)
            await until(lambda words=words: len(speech.words) > words)
            resumed = len([event for event in seen if isinstance(event, ConnectionResumed)])
            cut(session)
            await until(
                lambda resumed=resumed: (
                    sum(isinstance(e, ConnectionResumed) for e in seen) > resumed
                )
            )
        assert (await speech).spoken_text == LONG
        assert (await later).spoken_text == "and more"
        frame = await anext(session)
        assert (frame.picture is None) == (media == "audio")
    assert [word.text for word in speech.words] == LONG.split()
    lost = [event.type for event in seen if isinstance(event, ConnectionLost | ConnectionResumed)]
    assert lost == ["connection.lost", "connection.resumed"] * 2
    assert len(server.stages) == 1


async def test_what_is_asked_for_without_a_socket_arrives_later(session: RemoteSession) -> None:
    await anext(session)
    cut(session)
    assert (await session.say("here I am")).spoken_text == "here I am"


async def test_what_was_lost_on_its_way_is_known_to_be_lost(session: RemoteSession) -> None:
    await anext(session)
    # It goes into a socket that nobody reads any more.
    sent = session._link.send
    session._link.send = lambda message: None  # type: ignore[method-assign]
    speech = session.say("into the void")
    session._link.send = sent  # type: ignore[method-assign]
    cut(session)
    with pytest.raises(Failed, match="lost"):
        await speech
    assert (await session.say("again")).spoken_text == "again"


async def test_a_session_that_has_ended_meanwhile_fails(server: Server) -> None:
    async with connect(server.url, media="audio") as session:
        failed: list[events.SessionFailed] = []
        session.on("session.failed", failed.append)
        speech = session.say(LONG)
        await until(lambda: speech.words)
        (viewer,) = server.sockets
        cut(session)
        viewer.end("failed")
        with pytest.raises(Failed):
            await frames_until(session, lambda: False)
        with pytest.raises(Failed):
            await speech
        assert len(failed) == 1


async def test_a_server_that_does_not_come_back_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "RESUME_SECONDS", 0.5)
    async with serving() as server:
        session = await connect(server.url, media="audio")
        await anext(session)
        session._link._url = "http://127.0.0.1:1"
        cut(session)
        with pytest.raises(Failed, match="did not come back"):
            await frames_until(session, lambda: False)
        await session.aclose()
        (viewer,) = server.sockets
        viewer.end("client")


async def test_a_server_that_ends_or_a_time_that_is_over_is_told(server: Server) -> None:
    async with connect(server.url, media="audio") as session:
        await anext(session)
        (viewer,) = server.sockets
        viewer.end("time")
        with pytest.raises(Failed, match="time is over"):
            await frames_until(session, lambda: False)
    async with connect(server.url, media="audio") as session:
        await anext(session)
        await server.sockets.aclose()
        with pytest.raises(Failed, match="shutting down"):
            await frames_until(session, lambda: False)
