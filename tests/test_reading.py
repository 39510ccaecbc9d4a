from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import Failed, InvalidInput
from jamflow_rt.stream.events import Metrics, SessionFailed, Underrun
from jamflow_rt.stream.playout import Painter
from tests.stream_fakes import FlatRenderer, InlineExecutor, Stage


async def test_late_windows_hold_the_face_and_lose_nothing(stage: Stage) -> None:
    speech = stage.session.say("a" * 60)
    frames = await stage.until(lambda: speech.position > 0.2)
    stage.engine.hold()
    frames += await stage.frames(60)
    assert len(stage.of(Underrun)) == 1
    assert stage.of(Underrun)[0].speech_id == speech.id
    assert frames[-1].motion is frames[-2].motion
    stage.engine.release()
    frames += await stage.until(lambda: speech.done)
    sound = np.concatenate([f.sound for f in frames if f.speech_id == speech.id])
    late = sound.reshape(-1, 256)[:, 250]  # after the short fade in
    np.testing.assert_allclose(late[2:302], np.repeat(np.arange(1, 61), 5) / 100, atol=1e-6)
    assert (await speech).spoken_text == "a" * 60


async def test_there_is_one_reader(stage: Stage) -> None:
    first = asyncio.ensure_future(anext(stage.session))
    await asyncio.sleep(0)
    with pytest.raises(InvalidInput, match="one reader"):
        await anext(stage.session)
    await first
    await stage.frames(1)


async def test_metrics_are_told_every_few_seconds(stage: Stage) -> None:
    speech = stage.session.say("one two")
    await stage.until(lambda: speech.done)
    again = stage.session.say("three")
    await stage.until(lambda: again.done)
    await stage.until(lambda: len(stage.of(Metrics)) == 2)
    first, second = stage.of(Metrics)
    assert second.time - first.time == pytest.approx(5.0)
    assert first.first_frame is not None and 0 < first.first_frame < 0.4
    assert first.underruns == 0 and first.ahead > 0


class BrokenRenderer(FlatRenderer):
    def render(self, face: FaceState) -> np.ndarray:
        raise RuntimeError("no such triangle")


async def test_a_picture_that_cannot_be_drawn_fails_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage(pictures=True)
    await stage.session.start()
    await stage.frames(2)
    stage.playout.paint_with(Painter(BrokenRenderer(64, "broken"), InlineExecutor()))
    with caplog.at_level(logging.ERROR), pytest.raises(Failed, match="no such triangle"):
        await stage.frames(1)
    assert isinstance(stage.events[-1], SessionFailed)
    assert stage.left == [stage.session]
    with pytest.raises(Failed, match="no such triangle"):
        await anext(stage.session)


async def test_a_session_that_is_closed_while_it_draws_just_ends() -> None:
    stage = Stage(pictures=True)
    await stage.session.start()
    with ThreadPoolExecutor() as executor:
        drawing, closed = threading.Event(), threading.Event()

        class Late(BrokenRenderer):
            def render(self, face: FaceState) -> np.ndarray:
                drawing.set()
                closed.wait()
                return super().render(face)

        stage.playout.paint_with(Painter(Late(64, "late"), executor))
        waiting = asyncio.ensure_future(anext(stage.session, None))
        await asyncio.to_thread(drawing.wait)
        await stage.session.aclose()
        closed.set()
        assert await waiting is None
    assert stage.events == []
