from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import numpy as np
import pytest

from jamflow_rt.hear import hearing
from jamflow_rt.stream.events import SpeechInterrupted, StateChanged, UserStarted, UserStopped
from jamflow_rt.stream.settings import SessionSettings
from tests.stream_fakes import Stage

SOUND = np.zeros(160, np.float32)


class FakeHearing:
    """Says what the test has put into `next`."""

    next: ClassVar[list[Any]] = []
    made: ClassVar[list[FakeHearing]] = []

    def __init__(self, settings: hearing.HearingSettings) -> None:
        self.speaking: list[bool] = []
        self.heard = 0
        self.resets = 0
        FakeHearing.made.append(self)

    def push(self, pcm: np.ndarray, sample_rate: int, speaking: bool) -> list[Any]:
        self.speaking.append(speaking)
        events, FakeHearing.next = FakeHearing.next, []
        return events

    def played(self, sound: np.ndarray) -> None:
        self.heard += len(sound)

    def reset(self) -> None:
        self.resets += 1


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(hearing, "Hearing", FakeHearing)
    FakeHearing.made.clear()
    stage = Stage(settings=SessionSettings(thinking_limit=1.0))
    await stage.session.start()
    yield stage
    await stage.session.aclose()


def hear(stage: Stage, *events: Any) -> None:
    FakeHearing.next = list(events)
    stage.session.hear(SOUND, 16_000)


async def test_a_turn_of_the_user_is_listened_to_and_thought_about(stage: Stage) -> None:
    hear(stage, hearing.UserStarted(0.2))
    assert stage.session.state == "listening"
    await stage.frames(10)
    before = (await stage.frames(1))[0].motion.rotation[0]
    hear(stage, hearing.UserPaused(0.9))
    nod = max(f.motion.rotation[0] for f in await stage.frames(12))
    assert nod > before + 0.03
    hear(stage, hearing.UserStopped(1.4))
    assert stage.session.state == "thinking"
    speech = stage.session.say("an answer")
    await stage.until(lambda: speech.done)
    assert [e.state for e in stage.of(StateChanged)] == [
        *("listening", "thinking", "speaking", "idle")
    ]
    assert [e.interrupts for e in stage.of(UserStarted)] == [False]
    assert len(stage.of(UserStopped)) == 1


async def test_without_an_answer_it_stops_to_think(stage: Stage) -> None:
    hear(stage, hearing.UserStarted(0.2), hearing.UserStopped(1.0))
    await stage.frames(20)
    assert stage.session.state == "thinking"
    await stage.frames(10)
    assert stage.session.state == "idle"


async def test_the_user_interrupts(stage: Stage) -> None:
    speech = stage.session.say("a" * 60)
    await stage.until(lambda: speech.position > 0.3)
    hear(stage, hearing.BargeIn(0.5))
    assert FakeHearing.made[0].speaking == [True]
    assert speech.interrupted
    assert [e.speech_id for e in stage.of(SpeechInterrupted)] == [speech.id]
    assert stage.of(UserStarted)[0].interrupts
    assert stage.session.state == "listening"
    frames = await stage.frames(5)
    assert not any(f.sound.any() for f in frames[1:])


async def test_what_is_played_is_known_to_the_hearing(stage: Stage) -> None:
    await stage.frames(3)
    assert not FakeHearing.made
    hear(stage)
    await stage.frames(4)
    assert FakeHearing.made[0].heard == 4 * 960
    stage.session.idle()
    assert FakeHearing.made[0].resets == 1


async def test_listening_shows_and_ends(stage: Stage) -> None:
    stage.session.listen()
    assert stage.session.state == "listening"
    assert stage.playout.manner.listening
    speech = stage.session.say("hello")
    await stage.until(lambda: speech.done)
    assert stage.session.state == "listening"
    stage.session.idle()
    assert not stage.playout.manner.listening
    assert [e.state for e in stage.of(StateChanged)] == [
        *("listening", "thinking", "speaking", "listening"),
        "idle",
    ]
