"""Clients of a load test against small servers on sockets of this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import av
import httpx
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from jamflow_rt.cli.loading import load
from jamflow_rt.cli.terminal import Commands
from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import Failed, NotAuthorized, Overloaded
from jamflow_rt.load import requests, webrtc
from jamflow_rt.load.arrivals import Heard, Seen
from jamflow_rt.load.plan import LoadPlan
from jamflow_rt.load.report import LoadReport
from jamflow_rt.load.requests import address, buy_token
from jamflow_rt.load.run import opener, run_levels
from jamflow_rt.load.sockets import open_socket
from jamflow_rt.load.tally import pooled
from jamflow_rt.load.webrtc import heard, open_webrtc
from jamflow_rt.serve.app import create_app
from tests.serve_fakes import FakeAvatar
from tests.socket_fakes import Server, serving


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(max_sessions=2) as server:
        yield server


async def measured(plan: LoadPlan) -> LoadReport:
    return await run_levels(plan, lambda media, clients: opener(plan, media, clients), rest=0.1)


async def test_two_places_and_three_clients_over_the_websocket(server: Server) -> None:
    plan = LoadPlan(url=server.url, clients=(3,), media=("motion",), seconds=5.0)
    level = (await measured(plan)).levels["motion"][0]
    assert (len(level.tallies), level.served) == (3, 2)
    both = pooled(level.tallies)
    assert (both.refusals, both.errors) == (1, 0)
    assert both.told == {"All places are taken.": 1}
    assert len(both.waits) == both.said >= 2
    assert both.frames > 25
    # D of the toy space is small: an empty frame has 16 + 2 + 52 bytes and a little sound.
    assert both.bytes_rate > 70 * both.rate
    assert both.frames <= both.pieces
    assert server.open_sessions == 0


async def test_audio_and_video_clients_get_what_they_came_for(server: Server) -> None:
    for media, sights in (("audio", 0), ("video", 3)):
        connection = await open_socket(server.url, None, media, voice="low")
        kinds: list[type] = []
        async for arrival in connection.arrivals():
            kinds.append(type(arrival))
            if kinds.count(Heard) >= 8 and kinds.count(Seen) >= sights:
                break
        assert kinds.count(Seen) >= sights and (Seen in kinds) == (media == "video")
        assert await connection.received() > 8 * 32
        await connection.aclose()
    assert [asked[:3] for asked in server.asked] == [(None, "low", False), (None, "low", True)]


async def test_an_interrupt_ends_the_speech_of_a_socket(server: Server) -> None:
    connection = await open_socket(server.url, None, "audio")
    speech = connection.say("a very long tale of many long words that nobody wants to hear")
    async with asyncio.timeout(20):
        async for arrival in connection.arrivals():
            if isinstance(arrival, Heard) and np.abs(arrival.sound).max() > 0.05:
                break
        await connection.interrupt()
        await speech
    assert connection.troubles == []
    await connection.aclose()


async def test_a_wrong_token_is_told(server: Server) -> None:
    server.token = "right"
    with pytest.raises(NotAuthorized):
        await measured(LoadPlan(url=server.url, clients=(1,), media=("audio",)))


# WebRTC, with the application in process


@pytest.fixture
async def avatar(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeAvatar]:
    avatar = FakeAvatar()
    app = create_app(avatar.as_avatar(), ServerConfig(max_sessions=1), portraits=("mara",))
    client = httpx.AsyncClient
    monkeypatch.setattr(
        requests.httpx,
        "AsyncClient",
        lambda **settings: client(transport=httpx.ASGITransport(app), **settings),
    )
    async with app.router.lifespan_context(app):
        yield avatar
    assert all(session.closed for session in avatar.sessions)


async def test_a_webrtc_client_hears_sees_interrupts_and_leaves(avatar: FakeAvatar) -> None:
    connection = await open_webrtc("http://server", None, "mara", "plain")
    assert avatar.asked == [("mara", "plain")]
    with pytest.raises(Overloaded):
        await open_webrtc("http://server", None)
    loud, kinds = False, set()
    speech = connection.say("many words " * 30)
    async with asyncio.timeout(30):
        async for arrival in connection.arrivals():
            kinds.add(type(arrival))
            if isinstance(arrival, Heard):
                assert (arrival.sample_rate, arrival.sound.shape) == (48000, (960,))
                loud = loud or float(np.abs(arrival.sound).max()) > 0.3
            if loud and kinds == {Heard, Seen}:
                break
        await connection.interrupt()
        await speech
    assert avatar.sessions[0].interrupts == 1
    with pytest.raises(Exception, match="empty"):
        await connection.say(" ")
    assert await connection.received() > 1000
    await connection.aclose()
    assert avatar.sessions[0].closed
    with pytest.raises(Failed, match="not open"):
        connection.say("Too late.")


async def test_a_webrtc_client_without_a_connection_gives_up(
    avatar: FakeAvatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webrtc, "GREETING_SECONDS", 0.0)
    with pytest.raises(Failed, match="No connection within 0 seconds"):
        await open_webrtc("http://server", None)


def test_decoded_sound_is_read_as_one_channel() -> None:
    pairs = np.stack([np.arange(960), -np.arange(960)], axis=1).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(pairs.reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate, frame.pts = 48000, 96000
    frame.time_base = Fraction(1, 48000)
    found = heard(7.0, frame)
    assert (found.at, found.time, found.duration) == (7.0, 2.0, 0.02)
    assert found.sound == pytest.approx(np.arange(960) / 32768)


# HTTP


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a:8080", "http://a:8080/whep"),
        ("ws://a/", "http://a/whep"),
        ("wss://a/base/v1/realtime", "https://a/base/whep"),
    ],
)
def test_addresses_are_made_of_the_servers(url: str, expected: str) -> None:
    assert address(url, "/whep") == expected


def answering(monkeypatch: pytest.MonkeyPatch, status: int, content: str) -> list[httpx.Request]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, text=content)

    client = httpx.AsyncClient
    monkeypatch.setattr(
        requests.httpx,
        "AsyncClient",
        lambda **settings: client(transport=httpx.MockTransport(answer), **settings),
    )
    return seen


async def test_the_key_buys_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = answering(monkeypatch, 201, json.dumps({"token": "abc"}))
    assert await buy_token("http://server", "key") == "abc"
    assert str(seen[0].url) == "http://server/v1/sessions"
    assert seen[0].headers["authorization"] == "Bearer key"
    assert json.loads(seen[0].content) == {}


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [(401, "", NotAuthorized), (503, "", Overloaded), (200, "<html>", Failed), (200, "[]", Failed)],
)
async def test_what_gives_no_token_is_an_error(
    monkeypatch: pytest.MonkeyPatch, status: int, content: str, error: type[Exception]
) -> None:
    answering(monkeypatch, status, content)
    with pytest.raises(error):
        await buy_token("http://server", "key")


# The command


def run_command(*arguments: str) -> Any:
    app = typer.Typer(cls=Commands)
    app.command()(load)
    app.callback()(lambda: None)
    return CliRunner().invoke(app, ["load", *arguments])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("http://a", "--clients", "1,x"), "--clients"),
        (("http://a", "--clients", "0"), "--clients"),
        (("http://a", "--clients", "9999"), "--clients"),
        (("http://a", "--media", "smell"), "--media"),
        (("http://a", "--media", "audio,audio"), "--media"),
        (("nowhere", "--clients", "1"), "nowhere"),
    ],
)
def test_wrong_options_are_named(arguments: tuple[str, ...], message: str) -> None:
    result = run_command(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_passes_its_options_on_and_prints(
    monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    plans: list[LoadPlan] = []

    def measure(plan: LoadPlan, progress: Any) -> LoadReport:
        plans.append(plan)
        progress("audio, 2 clients")
        return LoadReport(plan, {"audio": []})

    monkeypatch.setattr("jamflow_rt.load.run.load", measure)
    options = ["--clients", "2, 3", "--media", "audio", "--seconds", "5", "--token", "secret"]
    result = run_command("http://a", *options, *(["--json"] if as_json else []))
    assert result.exit_code == 0
    (plan,) = plans
    assert (plan.clients, plan.media, plan.seconds) == ((2, 3), ("audio",), 5.0)
    assert plan.token is not None and plan.token.get_secret_value() == "secret"
    assert "audio, 2 clients" in result.stderr
    assert "secret" not in result.output
    if as_json:
        assert json.loads(result.stdout)["media"] == {"audio": []}
    else:
        assert "audio: 5 s a client" in result.stdout
