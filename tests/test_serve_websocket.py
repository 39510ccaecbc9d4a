from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from jamflow_rt.errors import Failed
from jamflow_rt.protocol import MediaFrame, MediaKind
from jamflow_rt.serve import socket_viewer
from jamflow_rt.serve.socket_viewer import MAX_MESSAGE
from tests.socket_fakes import Client, Server, client, serving, until

AUDIO_MICROSECONDS = 20_000


async def closed(one: Client) -> int | None:
    """Read to the end: the close code."""
    with pytest.raises(ConnectionClosed):
        while True:
            await one.next()
    return one.connection.close_code


# Coming in


async def test_a_client_is_greeted_and_told_how_to_come_back(server: Server) -> None:
    async with client(server, "media=motion&portrait=mara&voice=low") as one:
        created = await one.next()
        assert isinstance(created, dict)
        assert one.connection.subprotocol == "jamflow.v1"
    assert created["type"] == "session.created"
    assert (created["media"], created["resumed"]) == ("motion", False)
    assert (created["portrait"], created["voice"]) == ("mara", "low")
    assert created["scopes"] == ["audio", "motion", "say", "upload", "view"]
    assert len(created["resume_token"]) >= 43
    assert server.asked[0][:3] == ("mara", "low", False)


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        ("video", {MediaKind.VIDEO, MediaKind.AUDIO}),
        ("motion", {MediaKind.MOTION, MediaKind.AUDIO}),
        ("audio", {MediaKind.AUDIO}),
    ],
)
async def test_each_mode_brings_its_media_on_one_clock(
    server: Server, mode: str, kinds: set[MediaKind]
) -> None:
    async with client(server, f"media={mode}") as one:
        media = await one.until_media(60)
    assert {each.kind for each in media} == kinds
    assert server.asked[0][2] == (mode == "video")
    heard = [each.time for each in media if each.kind is MediaKind.AUDIO]
    assert heard == [heard[0] + AUDIO_MICROSECONDS * number for number in range(len(heard))]
    seen = [each for each in media if each.kind is not MediaKind.AUDIO]
    assert all(each.time % 40_000 == 0 for each in seen)
    assert [each.time for each in seen] == sorted({each.time for each in seen})
    if mode == "video":
        assert [each.flag for each in seen] == [True] + [False] * (len(seen) - 1)


async def test_what_is_asked_for_is_said(server: Server) -> None:
    async with client(server) as one:
        await one.send("response.create", input="good morning", event_id="e1")
        created = await one.event("response.created")
        done = await one.event("response.done")
    assert created["event_id"] == "e1"
    assert (done["status"], done["spoken_text"]) == ("completed", "good morning")
    kinds = [event["type"] for event in one.events]
    assert kinds.index("output_audio_buffer.started") < kinds.index("output_audio_buffer.stopped")
    words = [event["delta"] for event in one.events if event["type"].endswith("transcript.delta")]
    assert words == ["good", "morning"]
    assert any(event["type"] == "avatar.viseme.delta" for event in one.events)


async def test_sound_comes_in_as_binary_frames(server: Server) -> None:
    async with client(server) as one:
        piece = MediaFrame(MediaKind.INPUT_AUDIO, 0, 0, bytes(2 * 24_000)).pack()
        await one.connection.send(piece)
        await one.event("response.created")
        await one.send("input_audio_buffer.commit")
        assert (await one.event("response.done"))["status"] == "completed"


async def test_an_interrupt_leaves_nothing_old_and_begins_with_a_key_frame(server: Server) -> None:
    async with client(server, "media=video") as one:
        await one.send("response.create", input="a very long tale of many long words")
        await one.event("output_audio_buffer.started")
        await one.send("response.cancel")
        assert (await one.event("response.done"))["status"] == "cancelled"
        before = len(one.media)
        after = (await one.until_media(before + 12))[before:]
    newest = [each for each in after if each.epoch == 1]
    # What was encoded when the interrupt came may still be on its way, but not after the new.
    assert newest == after[len(after) - len(newest) :]
    pictures = [each for each in newest if each.kind is MediaKind.VIDEO]
    assert pictures[0].flag
    assert not any(each.flag for each in pictures[1:])


# Being refused


@pytest.mark.parametrize(
    ("query", "code", "close_code", "told"),
    [
        ("media=film", "invalid_input", 1008, "video, motion, audio"),
        ("media=audio&voice=bass", "invalid_input", 1008, "bass"),
        ("resume=nothing", "session_expired", 4002, "token"),
        ("resume=", "session_expired", 4002, "token"),
    ],
)
async def test_what_cannot_be_had_is_refused_with_the_reason(
    server: Server, query: str, code: str, close_code: int, told: str
) -> None:
    async with client(server, query) as one:
        assert await closed(one) == close_code
    (error,) = one.events
    assert (error["type"], error["code"]) == ("error", code)
    assert told in error["message"]
    assert server.open_sessions == len(server.sockets) == 0


async def test_whoever_has_no_token_is_refused(server: Server) -> None:
    server.token = "secret"
    async with client(server) as one:
        assert await closed(one) == 1008
    assert one.events[0]["code"] == "not_authorized"
    assert server.asked == []
    async with client(server, additional_headers={"Authorization": "Bearer secret"}) as one:
        await one.event("session.created")


async def test_a_full_server_says_so(server: Server) -> None:
    server.max_sessions = 1
    async with client(server) as first, client(server) as second:
        await first.event("session.created")
        assert await closed(second) == 1013
        assert second.events[0]["code"] == "overloaded"
        await first.until_media(4)


async def test_another_sub_protocol_is_refused(server: Server) -> None:
    with pytest.raises(InvalidStatus) as raised:
        async with client(server, subprotocols=["chat"]):
            pass
    assert raised.value.response.status_code == 400
    assert b"jamflow.v1" in raised.value.response.body


async def test_a_token_may_stand_beside_the_sub_protocol_and_is_not_answered(
    server: Server,
) -> None:
    async with client(server, subprotocols=["jamflow.v1", "bearer.abc"]) as one:
        assert one.connection.subprotocol == "jamflow.v1"
    async with client(server, subprotocols=None) as one:
        await one.event("session.created")
        assert one.connection.subprotocol is None


@pytest.mark.parametrize(
    "message",
    [
        "{",
        '{"type": "nonsense"}',
        b"",
        b"short",
        bytes(16),
        MediaFrame(MediaKind.VIDEO, 0, 0, b"x").pack(),
        b"\x04\x00\x00\x01" + bytes(14),
        "x" * 100_000,
        bytes(100_000),
    ],
)
async def test_what_makes_no_sense_is_an_error_and_the_session_lives_on(
    server: Server, message: str | bytes
) -> None:
    async with client(server) as one:
        await one.connection.send(message)
        error = await one.event("error")
        await one.send("response.create", input="hello")
        assert (await one.event("response.done"))["status"] == "completed"
    assert error["code"] in ("invalid_json", "unknown_type", "invalid_event", "message_too_long")


@pytest.mark.parametrize("kind", [str, bytes])
async def test_a_message_far_too_long_ends_the_socket_and_the_session(
    server: Server, kind: type
) -> None:
    async with client(server) as one:
        await one.connection.send(
            "x" * (MAX_MESSAGE + 1) if kind is str else bytes(MAX_MESSAGE + 1)
        )
        assert await closed(one) == 1009
        await until(lambda: server.open_sessions == 0)


# Going away


async def test_a_client_that_leaves_ends_its_session_at_once(server: Server) -> None:
    async with client(server) as one:
        await one.send("response.create", input="a very long tale of many long words")
        await one.event("output_audio_buffer.started")
    await until(lambda: server.open_sessions == len(server.sockets) == 0, 5)


async def test_clients_killed_in_the_middle_leave_nothing_behind() -> None:
    async with serving(resume_seconds=0, max_sessions=10) as server:
        before = asyncio.all_tasks()
        for mode in ("audio", "video", "motion") * 3:
            async with client(server, f"media={mode}") as one:
                await one.send("response.create", input="a very long tale of many words")
                await one.event("output_audio_buffer.started")
                one.kill()
        await until(lambda: server.open_sessions == len(server.sockets) == 0)
        await until(lambda: asyncio.all_tasks() <= before)
        assert len(server.stages) == 9


async def test_a_server_that_ends_says_so(server: Server) -> None:
    async with client(server) as one:
        await one.until_media(2)
        closing = asyncio.create_task(server.sockets.aclose())
        assert await closed(one) == 1001
        await closing
        assert one.events[-1] == {"type": "session.closed", "reason": "server"}
    async with client(server) as late:
        assert await closed(late) == 1013


async def test_a_session_that_fails_says_so_and_is_released(server: Server) -> None:
    async with client(server) as one:
        await one.until_media(2)
        server.stages[0].session._fail(Failed("The model broke."))
        assert await closed(one) == 1011
    error, last = one.events[-2:]
    assert (error["code"], error["message"]) == ("failed", "The model broke.")
    assert last == {"type": "session.closed", "reason": "failed"}
    await until(lambda: len(server.sockets) == 0)


async def test_a_broken_part_ends_the_session_and_is_logged(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, frame: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(socket_viewer.SocketFeed, "push", broken)
    async with client(server) as one:
        assert await closed(one) == 1011
    await until(lambda: len(server.sockets) == 0)
    assert "a bug" in caplog.text


async def test_a_session_whose_time_is_over_is_closed_with_its_own_code(server: Server) -> None:
    async with client(server) as one:
        await one.until_media(2)
        (viewer,) = server.sockets
        viewer.conversation.tell_expiring("idle", 1.0)
        viewer.end("idle")
        viewer.end("server")
        assert await closed(one) == 4001
    assert [event["type"] for event in one.events[-2:]] == ["session.expiring", "session.closed"]
    assert one.events[-1]["reason"] == "idle"


async def test_work_beside_a_viewer_ends_it_when_it_ends() -> None:
    async with serving(resume_seconds=20) as server:
        over = asyncio.Event()

        async def watch(viewer: socket_viewer.SocketViewer, grant: Any) -> None:
            assert grant.subject == "somebody"
            await over.wait()
            viewer.end("time")

        server.sockets._beside = watch
        async with client(server) as one:
            await one.until_media(2)
            over.set()
            assert await closed(one) == 4001


async def test_a_client_that_takes_nothing_has_vanished(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_viewer, "STALL_SECONDS", 0.2)

    async def stuck(self: Any, item: Any) -> bytes:
        return bytes(512 * 1024)

    async with client(server, max_queue=1) as one:
        await one.event("session.created")
        monkeypatch.setattr(socket_viewer.Packer, "pack", stuck)
        (viewer,) = server.sockets
        await until(lambda: not viewer.served)
        # The session waits for it to come back.
        assert server.open_sessions == 1
        one.kill()


# Coming back


async def test_a_client_comes_back_to_its_session_and_gets_what_it_missed(server: Server) -> None:
    async with client(server, "media=video") as one:
        token = (await one.event("session.created"))["resume_token"]
        await one.send("response.create", input="good morning everybody")
        await one.event("output_audio_buffer.started")
        one.kill()
    (viewer,) = server.sockets
    await until(lambda: not viewer.served)
    stage = server.stages[0]
    await until(lambda: stage.session.state == "idle")
    async with client(server, f"resume={token}") as two:
        created = await two.next()
        done = await two.event("response.done")
        media = await two.until_media(6)
    assert isinstance(created, dict)
    assert (created["type"], created["resumed"]) == ("session.created", True)
    assert (created["session_id"], created["media"]) == ("s", "video")
    assert created["resume_token"] != token
    assert done["spoken_text"] == "good morning everybody"
    # Nothing of the meantime is seen or heard, and what is seen can be decoded from its beginning.
    assert media[0].kind is MediaKind.VIDEO and media[0].flag
    assert media[0].time / 1e6 > done["audio_end_ms"] / 1000
    assert len(server.stages) == 1


async def test_events_that_were_lost_with_the_socket_come_once_more(server: Server) -> None:
    async with client(server) as one:
        token = (await one.event("session.created"))["resume_token"]
        await one.send("response.create", input="good")
        await one.event("response.done")
        (viewer,) = server.sockets
        one.kill()
    await until(lambda: not viewer.served)
    # It says that it got only the first three.
    async with client(server, f"resume={token}&received=3") as two:
        await two.event("response.done")
    missed = one.events[3:]
    again = two.events[1 : 1 + len(missed)]
    assert again == missed
    assert two.events[0]["resumed"] is True


async def test_a_token_is_good_once_and_the_new_one_after_it(server: Server) -> None:
    async with client(server) as one:
        first = (await one.event("session.created"))["resume_token"]
        one.kill()
    async with client(server, f"resume={first}") as two:
        second = (await two.event("session.created"))["resume_token"]
        async with client(server, f"resume={first}") as thief:
            assert await closed(thief) == 4002
        two.kill()
    async with client(server, f"resume={second}&received=nonsense") as three:
        await three.until_media(2)
    assert len(server.stages) == 1


async def test_a_socket_that_seems_alive_makes_way_for_the_client_that_comes_back(
    server: Server,
) -> None:
    async with client(server) as one:
        token = (await one.event("session.created"))["resume_token"]
        async with client(server, f"resume={token}") as two:
            assert await closed(one) == 4002
            await two.event("session.created")
            await two.until_media(2)
            assert server.open_sessions == 1


async def test_without_a_client_the_session_ends_after_its_time() -> None:
    async with serving(resume_seconds=0.3) as server:
        async with client(server) as one:
            token = (await one.event("session.created"))["resume_token"]
            one.kill()
        (viewer,) = server.sockets
        await until(lambda: not viewer.served)
        assert server.open_sessions == 1
        await until(lambda: server.open_sessions == len(server.sockets) == 0)
        async with client(server, f"resume={token}") as late:
            assert await closed(late) == 4002


async def test_an_open_text_goes_on_after_the_client_came_back(server: Server) -> None:
    async with client(server) as one:
        token = (await one.event("session.created"))["resume_token"]
        await one.send("input_text.append", delta="once upon ")
        await one.event("response.created")
        one.kill()
    async with client(server, f"resume={token}") as two:
        await two.send("input_text.append", delta="a time.")
        await two.send("input_text.done")
        done = await two.event("response.done")
    assert done["spoken_text"] == "once upon a time."


async def test_a_client_that_does_not_read_its_events_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(server) as one:
        await one.event("session.created")
        (viewer,) = server.sockets
        one.kill()
    await until(lambda: not viewer.served)
    for _ in range(5000):
        viewer.conversation.receive(json.dumps({"type": "nonsense"}))
    await until(lambda: server.open_sessions == len(server.sockets) == 0)


def test_frames_of_the_wire_are_values() -> None:
    frame = MediaFrame(MediaKind.AUDIO, 1, 2, b"x")
    assert MediaFrame.unpack(frame.pack()) == frame == replace(frame)
