from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from jamflow_rt.config import ServerConfig
from jamflow_rt.serve.deadlines import Deadlines
from jamflow_rt.stream import events
from jamflow_rt.stream.media import Playback


class Watched:
    """Deadlines on a clock of their own; `plan` says what happens when."""

    def __init__(self, *, longest: float = 1000, idle: float = 100, warning: float = 30) -> None:
        self.time = 50.0
        self.told: list[tuple[str, str, float]] = []
        self._plan: list[tuple[float, Callable[[], None]]] = []
        config = ServerConfig(
            max_session_seconds=longest, idle_seconds=idle, warning_seconds=warning
        )
        self.deadlines = Deadlines(
            config,
            lambda reason, seconds: self.told.append(("expiring", reason, self.passed)),
            lambda reason: self.told.append(("expired", reason, self.passed)),
            now=lambda: self.time,
            sleep=self._sleep,
        )

    @property
    def passed(self) -> float:
        return round(self.time - 50.0, 6)

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        self._plan.append((50.0 + seconds, action))

    async def _sleep(self, seconds: float) -> None:
        assert seconds > 0
        end = self.time + seconds
        while self._plan and self._plan[0][0] <= end:
            self.time, action = self._plan.pop(0)
            action()
        self.time = end
        await asyncio.sleep(0)

    async def run(self) -> list[tuple[str, str, float]]:
        await self.deadlines.run()
        return self.told


async def test_an_idle_session_is_warned_and_ended() -> None:
    assert await Watched().run() == [("expiring", "idle", 70), ("expired", "idle", 100)]


async def test_a_sign_of_life_puts_the_end_off() -> None:
    watched = Watched()
    watched.at(60, watched.deadlines.touch)
    watched.at(140, watched.deadlines.touch)
    assert await watched.run() == [
        ("expiring", "idle", 130),
        ("expiring", "idle", 210),
        ("expired", "idle", 240),
    ]


async def test_the_longest_time_holds_for_the_busy_as_well() -> None:
    watched = Watched(longest=200)
    for second in range(10, 200, 10):
        watched.at(second, watched.deadlines.touch)
    assert await watched.run() == [("expiring", "time", 170), ("expired", "time", 200)]


async def test_both_ends_are_told_of() -> None:
    assert await Watched(longest=120).run() == [
        ("expiring", "idle", 70),
        ("expiring", "time", 90),
        ("expired", "idle", 100),
    ]


async def test_a_short_limit_warns_at_once() -> None:
    assert await Watched(idle=10).run() == [("expiring", "idle", 0), ("expired", "idle", 10)]


async def test_without_a_warning_time_it_just_ends() -> None:
    told = await Watched(warning=0).run()
    assert told[-1] == ("expired", "idle", 100)
    assert all(at == 100 for _, _, at in told)


async def test_the_seconds_that_are_left_are_told() -> None:
    told: list[float] = []
    time = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal time
        time += seconds + 5  # a loop that comes late

    config = ServerConfig(idle_seconds=100, warning_seconds=30)
    deadlines = Deadlines(
        config,
        lambda reason, seconds: told.append(seconds),
        lambda reason: None,
        now=lambda: time,
        sleep=sleep,
    )
    await deadlines.run()
    assert told == [25]


async def test_while_it_speaks_it_is_not_idle() -> None:
    watched = Watched()
    watched.at(20, lambda: watched.deadlines.saw(events.StateChanged(0, "speaking")))
    watched.at(480, lambda: watched.deadlines.saw(events.StateChanged(0, "idle")))
    told = await watched.run()
    assert told == [("expiring", "idle", 550), ("expired", "idle", 580)]


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (events.SpeechStarted(0, "s"), True),
        (events.SpeechFinished(0, "s", Playback("s", 0.0, "")), True),
        (events.UserStarted(0), True),
        (events.UserStopped(0), True),
        (events.Metrics(0, 0, 0, 0, None), False),
        (events.Underrun(0, None), False),
        (events.StateChanged(0, "listening"), False),
    ],
)
async def test_which_events_are_signs_of_life(event: events.Event, counts: bool) -> None:
    watched = Watched()
    watched.at(50, lambda: watched.deadlines.saw(event))
    assert (await watched.run())[-1] == ("expired", "idle", 150 if counts else 100)


async def test_it_ends_when_cancelled() -> None:
    told: list[str] = []
    deadlines = Deadlines(ServerConfig(), lambda reason, s: None, told.append)
    task = asyncio.create_task(deadlines.run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == []
