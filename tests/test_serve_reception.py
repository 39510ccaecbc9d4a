from __future__ import annotations

import asyncio
import json
from typing import cast

import pytest

from jamflow_rt import protocol
from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import InvalidInput, NotAuthorized, Overloaded
from jamflow_rt.render.portrait import Portrait
from jamflow_rt.serve.auth import SCOPES, Grant
from jamflow_rt.serve.event_errors import error_event
from jamflow_rt.serve.greeting import Greeting
from jamflow_rt.serve.limits import RateLimited
from jamflow_rt.serve.metrics import Metrics
from jamflow_rt.serve.reception import Reception
from jamflow_rt.serve.uploads import Uploads
from jamflow_rt.stream.session import Session
from tests.serve_fakes import FakeAvatar

ANNA = Grant("anna", SCOPES, None, "")
BERT = Grant("bert", SCOPES, None, "")


class Desk:
    """A reception and what it stands among."""

    def __init__(self, **settings: object) -> None:
        self.config = ServerConfig.model_validate(settings)
        self.avatar = FakeAvatar()
        self.metrics = Metrics(lambda: True)
        self.uploads = Uploads(self.config, self._make)
        self.reception = Reception(
            self.avatar.as_avatar(), self.config, self.uploads, self.metrics, ("mara", "noa")
        )
        self.sent: list[protocol.ServerEvent] = []

    async def open(self, grant: Grant = ANNA, portrait: str | None = None) -> Session:
        return await self.reception.open(portrait, None, True, grant, "websocket")

    def send(self, message: str) -> None:
        self.sent.append(protocol.parse_server_event(message))

    def count(self, name: str) -> float:
        for line in self.metrics.text().decode().splitlines():
            if line.startswith(name):
                return float(line.split()[-1])
        return 0.0

    @staticmethod
    async def _make(data: bytes) -> Portrait:
        return cast("Portrait", object())


KEY = "a key that nobody will guess"


async def test_a_session_counts_until_it_has_ended() -> None:
    desk = Desk(max_sessions=2)
    first = await desk.open()
    second = await desk.open(BERT)
    assert len(desk.reception) == 2
    assert "places" in (desk.reception.obstacle or "")
    with pytest.raises(Overloaded, match="places") as full:
        await desk.open()
    assert full.value.retry_after > 0
    await first.aclose()
    await second.aclose()
    assert len(desk.reception) == 0 and desk.reception.obstacle is None
    assert desk.count('jamflow_sessions_open{transport="websocket"}') == 0
    assert desk.count('jamflow_sessions_opened_total{transport="websocket"}') == 2
    assert desk.count('jamflow_sessions_refused_total{reason="full"}') == 1


async def test_one_subject_has_so_many_and_others_have_theirs() -> None:
    desk = Desk(max_sessions=9, auth_key=KEY, sessions_per_subject=1)
    session = await desk.open(ANNA)
    with pytest.raises(RateLimited, match="open already") as refused:
        await desk.open(ANNA)
    assert error_event(refused.value).code == "rate_limited"
    await desk.open(BERT)
    await session.aclose()
    await desk.open(ANNA)


async def test_who_needs_no_key_is_held_back_by_the_servers_size_only() -> None:
    desk = Desk(max_sessions=5, sessions_per_subject=1, requests_per_minute=1)
    for _ in range(5):
        await desk.open(ANNA)
    for _ in range(50):
        desk.reception.limits.request("anna")


async def test_names_come_from_a_table_or_from_uploads_of_the_same_subject() -> None:
    desk = Desk()
    with pytest.raises(InvalidInput, match="no portrait '../secret'"):
        await desk.open(portrait="../secret")
    upload, _ = await desk.uploads.add(ANNA, b"\xff\xd8\xff\xe0" + bytes(64))
    with pytest.raises(InvalidInput, match="no portrait"):
        await desk.open(BERT, upload)
    session = await desk.open(ANNA, upload)
    assert desk.avatar.asked[-1][0] is desk.uploads.portrait(upload, ANNA)
    await session.aclose()
    assert desk.uploads.portrait(upload, ANNA) is None, "it is deleted with its session"


async def test_watching_has_to_be_granted() -> None:
    desk = Desk(auth_key=KEY)
    with pytest.raises(NotAuthorized, match="view"):
        await desk.open(Grant("anna", frozenset({"say"}), None, ""))
    assert desk.count('jamflow_sessions_refused_total{reason="authorization"}') == 1


async def test_a_session_that_cannot_be_opened_gives_its_place_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(max_sessions=1)

    async def refuse(*_: object, **__: object) -> None:
        raise Overloaded("The machine is full.")

    monkeypatch.setattr(desk.avatar, "session", refuse)
    for _ in range(3):
        with pytest.raises(Overloaded, match="machine"):
            await desk.open()
    assert len(desk.reception) == 0


async def test_a_conversation_knows_its_limits_and_tells_them() -> None:
    desk = Desk(auth_key=KEY, requests_per_minute=2, badge=True)
    session = await desk.open()
    talk = desk.reception.converse(session, ANNA, Greeting(media="motion"), desk.send)
    created = talk.created()
    assert (created.voice, created.portrait, created.portraits) == (
        "plain",
        "mara",
        ("mara", "noa"),
    )
    assert created.badge and created.media == "motion"
    for _ in range(3):
        talk.receive(json.dumps({"type": "response.create", "input": "Hello."}))
    told = [event for event in desk.sent if isinstance(event, protocol.RateLimits)]
    assert [event.remaining for event in told] == [1, 0]
    (error,) = [event for event in desk.sent if isinstance(event, protocol.ErrorEvent)]
    assert error.code == "rate_limited"


async def test_an_idle_session_is_warned_and_then_ended() -> None:
    desk = Desk(idle_seconds=0.15, warning_seconds=0.1)
    session = await desk.open()
    desk.reception.converse(session, ANNA, Greeting(), desk.send)
    ended: list[str] = []
    async with asyncio.timeout(5):
        await desk.reception.keep_time(session, ended.append)
    assert ended == ["idle"]
    (warning,) = [event for event in desk.sent if isinstance(event, protocol.SessionExpiring)]
    assert warning.reason == "idle" and 0 < warning.seconds <= 0.1


async def test_what_is_asked_keeps_a_session_alive() -> None:
    desk = Desk(idle_seconds=0.3, warning_seconds=0.0)
    session = await desk.open()
    talk = desk.reception.converse(session, ANNA, Greeting(), desk.send)
    watching = asyncio.create_task(desk.reception.keep_time(session, lambda reason: None))
    for _ in range(5):
        await asyncio.sleep(0.1)
        talk.receive(json.dumps({"type": "avatar.state", "state": "idle"}))
    assert not watching.done()
    watching.cancel()
