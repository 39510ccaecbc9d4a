from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jamflow_rt.codec.face import FaceState
from jamflow_rt.stream.job import Shot
from jamflow_rt.stream.media import Frame
from jamflow_rt.stream.playout import Painter, Playout
from tests.stream_fakes import FakeTime, InlineExecutor

SHAPE = np.random.default_rng(0).normal(size=(478, 3)).astype(np.float32)
SHAPE[0] = 0


def face(value: float) -> FaceState:
    zero = np.zeros(3, np.float32)
    return FaceState(SHAPE + np.float32(value), zero, zero[:2], 1.0)


def shots(first: int, count: int, level: float = 0.5) -> list[Shot]:
    sound = np.full(960, level, np.float32)
    return [Shot(n, face(n), sound, "a") for n in range(first, first + count)]


class Renderer:
    """A picture is the face's first number."""

    size = 2

    def __init__(self) -> None:
        self.drawn: list[int] = []

    def render(self, face: FaceState) -> np.ndarray:
        self.drawn.append(int(face.landmarks[0, 0]))
        return np.full((2, 2, 3), self.drawn[-1], np.uint8)


@pytest.fixture
def playout() -> Playout:
    return Playout(FakeTime().clock(), None, face(99))


async def leave(playout: Playout, count: int) -> list[Frame]:
    return [playout.take(await playout.wait())[0] for _ in range(count)]


async def test_shots_leave_in_order(playout: Playout) -> None:
    playout.push(shots(0, 3))
    frames = await leave(playout, 3)
    assert [f.motion.landmarks[0, 0] for f in frames] == [0, 1, 2]
    assert [f.time for f in frames] == pytest.approx([0, 0.04, 0.08])
    assert all(f.speech_id == "a" and f.picture is None for f in frames)


async def test_hush_fades_within_15_ms_and_the_face_goes_on(playout: Playout) -> None:
    playout.push(shots(0, 4))
    await leave(playout, 1)
    playout.hush()
    frames = await leave(playout, 3)
    faded = frames[0].sound
    assert faded[0] == 0.5
    assert np.abs(np.diff(faded)).max() < 0.005
    assert not faded[360:].any()
    assert not frames[1].sound.any()
    assert [f.motion.landmarks[0, 0] for f in frames] == [1, 2, 3]
    assert {(f.epoch, f.speech_id) for f in frames} == {(1, None)}


async def test_an_underrun_holds_the_face_without_a_step_and_loses_nothing(
    playout: Playout,
) -> None:
    playout.push(shots(0, 1))
    taken = [playout.take(await playout.wait()) for _ in range(3)]
    assert [starved for _, starved in taken] == [False, True, False]
    held = taken[1][0]
    assert held.motion.landmarks[0, 0] == 0
    assert held.speech_id is None
    assert not taken[2][0].sound.any()
    playout.push(shots(1, 2))
    after = await leave(playout, 2)
    assert [f.motion.landmarks[0, 0] for f in after] == [1, 2]
    sound = np.concatenate([f.sound for f, _ in taken] + [f.sound for f in after])
    assert np.abs(np.diff(sound)).max() < 0.01
    assert (after[1].sound == 0.5).all()


async def test_with_nothing_at_all_the_resting_face_is_shown(playout: Playout) -> None:
    (frame,) = await leave(playout, 1)
    assert frame.motion.landmarks[0, 0] == 99


def test_shots_can_be_taken_back(playout: Playout) -> None:
    playout.push(shots(4, 6))
    playout.drop_from(7)
    assert len(playout) == 3
    assert playout.next_shot is not None
    assert playout.next_shot.index == 4


async def test_each_shown_face_is_drawn_once() -> None:
    renderer = Renderer()
    with ThreadPoolExecutor(2) as executor:
        playout = Playout(FakeTime().clock(), Painter(renderer, executor), face(99))
        playout.push(shots(0, 5))
        frames = await leave(playout, 4)
        held = playout.take(await playout.wait())[0]
        (again,) = await leave(playout, 1)
    pictures = [int(f.picture[0, 0, 0]) for f in frames if f.picture is not None]
    assert pictures == [0, 1, 2, 3]
    assert renderer.drawn == [0, 1, 2, 3, 4]
    assert held.picture is again.picture


async def test_a_shot_replaced_while_it_is_drawn_does_not_lend_its_picture() -> None:
    renderer = Renderer()
    with ThreadPoolExecutor(1) as executor:
        playout = Playout(FakeTime().clock(), Painter(renderer, executor), face(99))
        playout.push(shots(0, 3))
        waiting = asyncio.ensure_future(playout.wait())
        await asyncio.sleep(0)
        playout.drop_from(0)
        playout.push(shots(50, 1))
        frame, _ = playout.take(await waiting)
    assert frame.picture is not None
    assert frame.picture[0, 0, 0] == 50
    assert frame.motion.landmarks[0, 0] == 50


async def test_when_drawing_is_slow_the_sound_goes_on_with_the_last_picture() -> None:
    class Slow(Renderer):
        def render(self, face: FaceState) -> np.ndarray:
            time.seconds += 0.06  # half as fast again as the frames leave
            return super().render(face)

    renderer, time = Slow(), FakeTime()
    playout = Playout(time.clock(), Painter(renderer, InlineExecutor()), face(99))
    playout.push(shots(0, 60))
    frames = await leave(playout, 50)
    assert [f.motion.landmarks[0, 0] for f in frames] == list(range(50))
    assert playout.clock.late < 0.2
    pictures = [int(f.picture[0, 0, 0]) for f in frames if f.picture is not None]
    assert len(pictures) == 50
    assert pictures == sorted(pictures)
    assert 10 < len(set(pictures)) < 45
