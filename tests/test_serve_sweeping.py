from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from jamflow_rt.serve import sweeping
from jamflow_rt.serve.sweeping import Sweeper


class Circle:
    """What only the garbage collector frees."""

    def __init__(self) -> None:
        self.me = self


def dropped() -> weakref.ref[Circle]:
    return weakref.ref(Circle())


@pytest.fixture(autouse=True)
def by_hand() -> Iterator[None]:
    """Nothing is collected but what the sweeper collects."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def collections(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The event loop's times of collections, which have become quick to come and slow."""
    times: list[float] = []

    def collect() -> int:
        times.append(asyncio.get_running_loop().time())
        return real()

    real = gc.collect
    monkeypatch.setattr(sweeping, "PATIENCE", 0.02)
    monkeypatch.setattr(gc, "collect", collect)
    return times


async def test_what_was_left_behind_is_collected_in_a_moment(collections: list[float]) -> None:
    with Sweeper() as sweeper:
        left = dropped()
        sweeper.soon()
        sweeper.soon()
        assert left() is not None
        await asyncio.sleep(0.2)
        assert left() is None
        assert len(collections) == 1


async def test_what_was_there_before_is_set_aside_and_given_back(
    collections: list[float],
) -> None:
    before = dropped()
    with Sweeper() as sweeper:
        assert gc.get_freeze_count() > 0
        sweeper.soon()
        await asyncio.sleep(0.2)
        assert len(collections) == 1
        assert before() is not None
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert before() is None


async def test_nothing_is_collected_outside(collections: list[float]) -> None:
    sweeper = Sweeper()
    sweeper.soon()
    with sweeper:
        sweeper.soon()
    sweeper.soon()
    await asyncio.sleep(0.1)
    assert not collections


async def test_who_never_enters_is_warned_once(caplog: pytest.LogCaptureFixture) -> None:
    with Sweeper() as entered:
        pass
    entered.soon()
    assert caplog.text == ""
    forgotten = Sweeper()
    forgotten.soon()
    forgotten.soon()
    assert caplog.text.count("create_app") == 1


async def test_after_a_long_collection_there_is_a_long_rest(
    collections: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 0.5, 1.0, 1.0])
    monkeypatch.setattr(sweeping.time, "perf_counter", lambda: next(now))
    monkeypatch.setattr(sweeping, "SHARE", 1.0)
    with Sweeper() as sweeper:
        for _ in range(2):
            sweeper.soon()
            while len(collections) == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len(collections) == 1
        await asyncio.sleep(0.6)
    first, second = collections
    assert 0.5 <= second - first < 0.7
