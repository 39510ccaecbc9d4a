from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from jamflow_rt.client import (
    ConnectionLost,
    ConnectionResumed,
    Expiring,
    RemoteError,
    RemoteFrame,
    RemoteSession,
    connect,
    link,
)
from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import Failed, InvalidInput, NotAuthorized, Overloaded
from jamflow_rt.stream import events
from jamflow_rt.stream.events import UserStarted, WordSpoken
from tests.socket_fakes import Server, serving, until
from tests.stream_fakes import tokens, toy_space

LONG = "a very long tale of many long words that nobody wants to hear to its end"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(resume_seconds=20) as server:
        yield server


@pytest.fixture
async def session(server: Server) -> AsyncIterator[RemoteSession]:
    async with connect(server.url, media="audio") as session:
        yield session


async def frames_until(session: RemoteSession, done: Any) -> list[RemoteFrame]:
    frames = []
    async with asyncio.timeout(20):
        async for frame in session:
            frames.append(frame)
            if done():
                break
    return frames


# Saying


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


async def test_frames_come_in_order_on_the_media_clock(session: RemoteSession) -> None:
    frames = await frames_until(session, lambda: session.time > 1.5)
    steps = np.diff([frame.time for frame in frames])
    assert steps == pytest.approx(0.04)
    assert session.time == pytest.approx(frames[-1].time + 0.04, abs=0.1)


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


# Sound and motion in


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
async def test_sound_from_outside_drives_the_face(session: RemoteSession, rate: int) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 300 * np.arange(rate) / rate)).astype(np.float32)
    speech = session.push_audio(tone[: rate // 2], rate)
    assert session.push_audio(tone[rate // 2 :], rate) is speech
    with pytest.raises(InvalidInput, match="sample rate"):
        session.push_audio(tone, 8_000)
    with pytest.raises(InvalidInput, match="flush"):
        session.push_motion(np.zeros((1, 9), np.float32))
    assert session.flush() is speech
    assert session.flush() is None
    frames = await frames_until(session, lambda: speech.done)
    assert speech.position == pytest.approx(1.0, abs=0.2)
    loud = [frame for frame in frames if np.abs(frame.sound).max() > 0.3]
    assert len(loud) / 25 == pytest.approx(1.0, abs=0.2)
    assert session.push_audio(tone, 8_000) is not speech


async def test_what_ends_at_the_server_takes_no_more_sound(session: RemoteSession) -> None:
    speech = session.push_audio(np.zeros(24_000, np.float32), 24_000)
    await until(lambda: speech.started)
    await session.interrupt()
    other = session.push_audio(np.zeros(24_000, np.int16), 24_000)
    session.flush()
    assert other is not speech
    assert not (await other).spoken_text and not other.interrupted


async def test_motion_drives_the_face(server: Server) -> None:
    async with connect(server.url) as session:
        space = toy_space()
        latents = np.zeros((50, space.size), np.float32)
        latents[:, 0] = 1.5
        speech = session.push_motion(latents[:25])
        assert session.push_motion(space.decode(latents[25:])) is speech
        assert session.flush() is speech
        frames = await frames_until(session, lambda: speech.done)
    mine = [frame for frame in frames if frame.speech_id == speech.id]
    assert mine[10].latents is not None
    assert mine[10].latents[0] == pytest.approx(1.5, abs=0.02)


async def test_faces_need_a_motion_space(session: RemoteSession) -> None:
    with pytest.raises(InvalidInput, match="media='motion'"):
        session.push_motion(toy_space().decode(np.zeros((1, 9), np.float32)))
    for wrong in (np.zeros((0, 9)), np.full((1, 9), np.nan), np.zeros(9)):
        with pytest.raises(InvalidInput):
            session.push_motion(wrong.astype(np.float32))
    errors: list[RemoteError] = []
    session.on("error", errors.append)
    speech = session.push_motion(np.zeros((1, 4), np.float32))
    with pytest.raises(InvalidInput, match="fit"):
        await speech


async def test_the_microphone_is_heard(server: Server, session: RemoteSession) -> None:
    heard: list[tuple[int, int]] = []
    server.stages[0].session.hear = lambda pcm, rate: heard.append((len(pcm), rate))  # type: ignore
    session.hear(np.zeros(24_000, np.int16), 24_000)
    session.hear(np.zeros(48_000, np.float32), 48_000)
    await until(lambda: sum(samples for samples, _ in heard) > 46_000)
    assert {rate for _, rate in heard} == {24_000}
    with pytest.raises(InvalidInput):
        session.hear(np.zeros((2, 2), np.int16), 24_000)


# Steering


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


# What is seen


async def test_motion_comes_as_faces_and_coefficients(server: Server) -> None:
    async with connect(server.url) as session:
        frames = await frames_until(session, lambda: session.time > 0.5)
    space = toy_space()
    for frame in frames:
        assert isinstance(frame.motion, FaceState)
        assert frame.latents is not None and frame.latents.shape == (space.size,)
        assert len(frame.arkit) == 52
        assert frame.picture is None
    (rest,) = space.decode(space.rest[None])
    assert frames[0].motion is not None
    assert frames[0].motion.landmarks == pytest.approx(rest.landmarks, abs=0.1)


async def test_without_its_motion_space_a_server_gives_latents(server: Server) -> None:
    for space in (None, b"<html>"):
        server.space = space
        async with connect(server.url) as session:
            frame = await anext(session)
        assert frame.motion is None
        assert frame.latents is not None


async def test_pictures_come_decoded(server: Server) -> None:
    async with connect(server.url, media="video", portrait="mara", voice="low") as session:
        frames = await frames_until(session, lambda: session.time > 0.5)
    grey = sum(b"first") % 256
    for frame in frames:
        assert frame.picture is not None
        assert frame.picture.shape == (64, 64, 3)
        assert np.abs(frame.picture.astype(int) - grey).max() < 8
    assert server.asked[0][:3] == ("mara", "low", True)


async def test_who_reads_late_gets_the_latest(session: RemoteSession) -> None:
    await until(lambda: session.time > 4.0)
    frame = await anext(session)
    assert session.time - frame.time < 2.2
    reading = asyncio.ensure_future(frames_until(session, lambda: session.closed))
    await asyncio.sleep(0)
    with pytest.raises(InvalidInput, match="one reader"):
        await anext(session)
    reading.cancel()


# Coming, going, coming back


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
