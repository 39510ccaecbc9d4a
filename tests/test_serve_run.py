from __future__ import annotations

import os
import signal
import socket
import threading
from typing import Any

import httpx
import pytest

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import NotSupported
from jamflow_rt.serve import run
from tests.serve_fakes import FakeAvatar, make_frame


class ClosableAvatar(FakeAvatar):
    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.warmed_up = False

    def render_speech(self, text: str) -> list[Any]:
        self.warmed_up = True
        return [make_frame(0)]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def avatar(monkeypatch: pytest.MonkeyPatch) -> ClosableAvatar:
    avatar = ClosableAvatar()
    monkeypatch.setattr(run.Avatar, "load", lambda path, **settings: avatar)
    return avatar


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_its_address_when_ready_and_ends_on_a_signal(
    avatar: ClosableAvatar, end: signal.Signals
) -> None:
    answers = []

    def visit(url: str) -> None:
        answers.append(httpx.get(f"{url}/healthz").json())
        os.kill(os.getpid(), end)

    def ready(url: str) -> None:
        assert avatar.warmed_up
        threading.Thread(target=visit, args=(url,)).start()

    before = signal.getsignal(signal.SIGTERM)
    run.serve(ServerConfig(port=0, max_sessions=3), on_ready=ready)
    assert answers == [{"status": "ok", "sessions": 0, "max_sessions": 3}]
    assert avatar.closed
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_taken_port_is_told_before_anything_is_loaded(avatar: ClosableAvatar) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NotSupported, match=str(port)):
            run.serve(ServerConfig(port=port))
    assert not avatar.warmed_up


def test_an_avatar_that_cannot_warm_up_is_closed(
    avatar: ClosableAvatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(avatar, "render_speech", lambda text: iter(()))
    with pytest.raises(StopIteration):
        run.serve(ServerConfig(port=0))
    assert avatar.closed
