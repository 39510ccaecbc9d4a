from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from jamflow_rt.bench.concurrency import Search, Tally, either, find_most, speak_at_once
from jamflow_rt.bench.figures import Bar, Figure
from jamflow_rt.stream.session import Session
from tests.stream_fakes import InlineEngine, Stage


@pytest.mark.parametrize(
    ("tally", "kept"),
    [
        (Tally(2, expected=1000, frames=1000, late=10, held=10), True),
        (Tally(2, expected=1000, frames=1000, underruns=1), False),
        (Tally(2, expected=1000, frames=1000, late=11), False),
        (Tally(2, expected=1000, frames=1000, held=11), False),
    ],
)
def test_one_gap_or_some_late_frames_are_not_real_time(tally: Tally, kept: bool) -> None:
    assert tally.kept is kept


def attempt(limit: int, tried: list[int]) -> object:
    def speak(count: int) -> Tally:
        tried.append(count)
        return Tally(count, expected=100, frames=100, underruns=max(0, count - limit))

    return speak


def test_the_search_goes_upward_until_so_many_are_too_many() -> None:
    tried: list[int] = []
    search = find_most((1, 2, 3, 4, 6, 8), attempt(3, tried))
    assert tried == [1, 2, 3, 4]
    assert search.most == 3
    assert (
        search.note == "3: 0 underruns, 0.0% late, 0.0% held; 4: 1 underruns, 0.0% late, 0.0% held"
    )


def test_a_search_that_never_fails_says_so() -> None:
    search = find_most((1, 2), attempt(9, []))
    assert search.most == 2
    assert search.note.endswith("; more were not tried")


def test_none_may_be_possible() -> None:
    search = find_most((1, 2), attempt(0, []))
    assert search.most == 0
    assert isinstance(search, Search)


def test_one_of_two_bars_is_enough() -> None:
    motion = Figure(key="motion_only", name="m", value=4, bar=Bar(6, True))
    for video, enough in ((2, True), (1, False)):
        figures = either(motion, Figure(key="video", name="v", value=video, bar=Bar(2, True)))
        assert [figure.ok for figure in figures] == [enough, enough]


@asynccontextmanager
async def opened(stage: Stage) -> AsyncIterator[Session]:
    """As an avatar opens a session: with its first frames ready."""
    async with stage.session as session:
        await session.start()
        yield session


async def test_sessions_speak_without_a_pause_and_every_frame_is_counted() -> None:
    tally = await speak_at_once(lambda: opened(Stage()), count=2, seconds=4.0)
    assert tally.sessions == 2
    assert tally.expected == 100 + 107, "the second begins seven frames later"
    assert (tally.frames, tally.underruns, tally.late, tally.held) == (207, 0, 0, 0)
    assert tally.spoken > 0.8 * tally.frames
    assert tally.kept


async def test_underruns_are_counted() -> None:
    engine = InlineEngine()
    engine.hold()
    # Not opened as an avatar does it: nothing is ready, and nothing will be.
    tally = await speak_at_once(lambda: Stage(engine).session, count=1, seconds=0.4)
    assert tally.underruns == 1
    assert not tally.kept
