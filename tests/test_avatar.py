from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.avatar import Avatar
from jamflow_rt.errors import Failed, InvalidInput, Overloaded
from jamflow_rt.stream.clock import MediaClock
from jamflow_rt.stream.media import Frame
from jamflow_rt.stream.session import Session
from tests.stream_fakes import FakeTime
from tests.toy import save_toy_bundle, toy_bundle


class EngineTime(FakeTime):
    """Time that waits for the engine: a slow machine changes nothing."""

    def __init__(self, avatar: Avatar) -> None:
        super().__init__()
        self._avatar = avatar

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        for _ in range(2):
            while self._avatar.engine.busy:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            await super().sleep(0)


@pytest.fixture(scope="module")
def loaded() -> Iterator[Avatar]:
    with Avatar(toy_bundle(), max_sessions=2) as avatar:
        yield avatar


@pytest.fixture
async def avatar(loaded: Avatar) -> AsyncIterator[Avatar]:
    yield loaded
    assert loaded.sessions == ()


def clock(avatar: Avatar) -> MediaClock:
    return EngineTime(avatar).clock()


async def hear(session: Session, text: str) -> list[Frame]:
    speech = session.say(text)
    frames = []
    while not speech.done:
        frames.append(await anext(session))
    return frames


async def test_a_session_can_be_awaited_or_entered(avatar: Avatar) -> None:
    session = await avatar.session(pictures=False, clock=clock(avatar))
    assert avatar.sessions == (session,)
    await session.aclose()
    async with avatar.session(pictures=False, clock=clock(avatar)) as session:
        assert not session.closed
    assert session.closed


async def test_text_becomes_sound_and_motion(avatar: Avatar) -> None:
    async with avatar.session(pictures=False, seed=1, clock=clock(avatar)) as session:
        frames = await hear(session, "Good morning.")
    spoken = [frame for frame in frames if frame.speech_id]
    assert len(spoken) >= 4
    assert all(frame.sound.shape == (960,) for frame in frames)
    assert all(np.isfinite(frame.sound).all() for frame in frames)
    assert not any(frame.sound.any() for frame in frames if not frame.speech_id)
    assert all(np.isfinite(frame.motion.landmarks).all() for frame in frames)


async def test_a_seed_repeats_a_rendered_speech(avatar: Avatar) -> None:
    offline = list(avatar.render_speech("Good morning to you all.", pictures=False, seed=1))
    assert [frame.speech_id is None for frame in offline[:8]] == [True] * 8
    assert [frame.speech_id is None for frame in offline[-16:]] == [True] * 16
    again = list(avatar.render_speech("Good morning to you all.", pictures=False, seed=1))
    for one, two in zip(offline, again, strict=True):
        np.testing.assert_array_equal(one.sound, two.sound)
    other = list(avatar.render_speech("Good morning to you all.", pictures=False, seed=2))
    assert any((one.sound != two.sound).any() for one, two in zip(offline, other, strict=True))


async def test_two_sessions_speak_at_once(avatar: Avatar) -> None:
    async with (
        avatar.session(pictures=False, clock=clock(avatar)) as one,
        avatar.session(pictures=False, clock=clock(avatar)) as two,
    ):
        first, second = await asyncio.gather(hear(one, "Hello."), hear(two, "Good evening."))
    assert {frame.speech_id for frame in first} - {None} == {f"{one.id}-1"}
    assert {frame.speech_id for frame in second} - {None} == {f"{two.id}-1"}


async def test_more_sessions_than_places_are_refused(avatar: Avatar) -> None:
    async with avatar.session(pictures=False), avatar.session(pictures=False):
        with pytest.raises(Overloaded) as caught:
            await avatar.session(pictures=False)
        assert caught.value.retry_after > 0
    async with avatar.session(pictures=False):
        pass


async def test_unknown_names_list_what_there_is(avatar: Avatar) -> None:
    with pytest.raises(InvalidInput, match=f"nobody.*{avatar.bundle.voices[0]}"):
        await avatar.session(voice="nobody", pictures=False)
    with pytest.raises(InvalidInput, match="nowhere"):
        await avatar.session("nowhere")
    with pytest.raises(InvalidInput, match="nobody"):
        avatar.render_speech("Hello.", voice="nobody", pictures=False)
    with pytest.raises(InvalidInput, match="nothing to say"):
        avatar.render_speech(" ", pictures=False)


async def test_memory_returns_when_a_session_closes(avatar: Avatar) -> None:
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    session = await avatar.session(pictures=False, clock=clock(avatar))
    await hear(session, "Hello.")
    session.say("And this is not heard to its end, because the session is closed before.")
    await anext(session)
    await session.aclose()
    while avatar.engine.busy:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert asyncio.all_tasks() == tasks
    gone = weakref.ref(session)
    del session
    gc.collect()
    assert gone() is None
    new = {thread.name for thread in set(threading.enumerate()) - threads}
    assert not {name for name in new if not name.startswith(("jamflow-text", "asyncio"))}


async def test_a_session_whose_numbers_break_does_not_disturb_the_others(
    avatar: Avatar, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        avatar.session(pictures=False, clock=clock(avatar)) as good,
        avatar.session(pictures=False, clock=clock(avatar)) as bad,
    ):
        bad._supply._performance._motion[:] = np.nan
        bad._supply._performance._mel[:] = np.nan
        with caplog.at_level(logging.ERROR), pytest.raises(Failed, match="not finite"):
            for _ in range(60):
                await anext(bad)
        assert bad.closed
        frames = await hear(good, "Hello.")
    assert frames[-1].speech_id == f"{good.id}-1"
    assert avatar.alive


async def test_after_closing_nothing_is_left(caplog: pytest.LogCaptureFixture) -> None:
    before = set(threading.enumerate())
    avatar = Avatar(toy_bundle())
    avatar.warm_up()
    session = await avatar.session(pictures=False, clock=clock(avatar))
    await hear(session, "Hello.")
    await avatar.aclose()
    await avatar.aclose()
    assert session.closed
    assert not avatar.alive
    left = {t.name for t in set(threading.enumerate()) - before}
    assert not {name for name in left if name.startswith("jamflow")}
    with pytest.raises(Failed, match="closed"):
        await avatar.session(pictures=False)
    with pytest.raises(Failed, match="closed"):
        avatar.render_speech("Hello.")


def test_cuda_graphs_change_nothing_on_a_processor(tmp_path: Path) -> None:
    save_toy_bundle(tmp_path)
    sounds = []
    for switch in (False, True):
        with Avatar.load(tmp_path, warm=False, device="cpu", cuda_graphs=switch) as avatar:
            frames = list(avatar.render_speech("Hello.", pictures=False))
        sounds.append(np.concatenate([frame.sound for frame in frames]))
    np.testing.assert_array_equal(*sounds)
