from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from jamflow_rt.avatar import Avatar
from jamflow_rt.errors import Failed, InvalidInput
from jamflow_rt.serve import publishing
from jamflow_rt.serve.publishing import publish_lines
from tests.serve_fakes import FakeSession


class Speech:
    def __await__(self):  # type: ignore[no-untyped-def]
        return asyncio.sleep(0.01).__await__()


class Speaking(FakeSession):
    def say(self, text: object) -> Speech:  # type: ignore[override]
        super().say(text)  # type: ignore[arg-type]
        return Speech()


class Home:
    """An avatar with one session."""

    def __init__(self) -> None:
        self.only = Speaking()

    @asynccontextmanager
    async def session(self, *_: object) -> AsyncIterator[FakeSession]:
        yield self.only
        await self.only.aclose()

    def as_avatar(self) -> Avatar:
        return cast("Avatar", self)


async def for_ever(*_: object) -> None:
    await asyncio.Event().wait()


async def test_each_line_is_said_and_the_end_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "publish", for_ever)
    home = Home()
    async with asyncio.timeout(5):
        await publish_lines(home.as_avatar(), "http://sfu/whip", io.StringIO("One.\n\nTwo.\n"))
    assert home.only.said == ["One.\n", "Two.\n"]
    assert home.only.closed


async def test_a_line_that_cannot_be_said_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str) -> None:
        raise InvalidInput("There is nothing to say in the text.")

    monkeypatch.setattr(publishing, "publish", for_ever)
    home = Home()
    monkeypatch.setattr(home.only, "say", refuse)
    with pytest.raises(InvalidInput, match=r"'\?!': There is nothing"):
        await publish_lines(home.as_avatar(), "http://sfu/whip", io.StringIO("?!\n"))


async def test_a_lost_sfu_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def break_off(*_: object) -> None:
        raise Failed("The SFU broke.")

    monkeypatch.setattr(publishing, "publish", break_off)
    with pytest.raises(Failed, match="SFU"):
        await publish_lines(Home().as_avatar(), "http://sfu/whip", io.StringIO("One.\n" * 99))
