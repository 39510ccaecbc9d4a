"""Admission and readiness of a whole avatar."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jamflow_rt.avatar import Avatar
from jamflow_rt.errors import Overloaded
from jamflow_rt.stream.capacity import Capacity, Cost
from tests.toy import toy_bundle

SECONDS = 16 * 0.16


@pytest.fixture
def avatar() -> Iterator[Avatar]:
    with Avatar(toy_bundle()) as avatar:
        yield avatar


def learn(capacity: Capacity, share: float) -> None:
    """A session takes this share of the engine's time."""
    capacity.add(Cost(21, 1.0, share * SECONDS, 0.0))


async def test_a_session_that_would_not_fit_is_refused(avatar: Avatar) -> None:
    assert avatar.max_sessions is None
    learn(avatar._capacity, 0.4)
    async with avatar.session(pictures=False), avatar.session(pictures=False):
        with pytest.raises(Overloaded, match="could not serve 3 sessions") as caught:
            await avatar.session(pictures=False)
        assert caught.value.retry_after > 0
        assert avatar.obstacle is not None and "This machine is full" in avatar.obstacle
        assert len(avatar.sessions) == 2
    assert avatar.obstacle is None


async def test_who_measures_may_have_more() -> None:
    with Avatar(toy_bundle(), by_capacity=False) as avatar:
        learn(avatar._capacity, 3.0)
        async with avatar.session(pictures=False), avatar.session(pictures=False):
            assert len(avatar.sessions) == 2


def test_the_warm_up_measures_speech(avatar: Avatar) -> None:
    assert avatar._capacity.load(1, 0).engine == 0
    avatar.warm_up()
    load = avatar._capacity.load(1, 0)
    assert load.engine > 0 and load.machine > 0
    assert len(avatar._capacity._decoding) > 0


async def test_a_place_returns_when_opening_fails(avatar: Avatar) -> None:
    learn(avatar._capacity, 0.8)
    with pytest.raises(Exception, match="nowhere"):
        await avatar.session("nowhere")
    async with avatar.session(pictures=False):
        pass


def test_an_avatar_that_was_closed_is_not_ready(avatar: Avatar) -> None:
    assert avatar.obstacle is None
    avatar.close()
    assert avatar.obstacle == "The engine was closed."
