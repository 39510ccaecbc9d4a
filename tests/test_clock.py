from __future__ import annotations

import pytest

from tests.stream_fakes import FakeTime


async def test_frames_are_40_ms_apart() -> None:
    time = FakeTime()
    clock = time.clock()
    seen = []
    for _ in range(5):
        await clock.wait()
        seen.append((time.now(), clock.tick()))
    assert [now - 100 for now, _ in seen] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    assert [media for _, media in seen] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    assert clock.time == pytest.approx(0.2)


async def test_a_reader_a_little_late_catches_up() -> None:
    time = FakeTime()
    clock = time.clock()
    await clock.wait()
    clock.tick()
    time.seconds += 0.2
    assert clock.late == pytest.approx(0.16)
    waited = []
    for _ in range(7):
        before = time.now()
        await clock.wait()
        waited.append(time.now() - before)
        clock.tick()
    assert waited == pytest.approx([0, 0, 0, 0, 0, 0.04, 0.04])


async def test_the_clock_stands_while_nobody_reads() -> None:
    time = FakeTime()
    clock = time.clock()
    await clock.wait()
    clock.tick()
    time.seconds += 5.0
    await clock.wait()
    assert clock.tick() == pytest.approx(0.04)
    await clock.wait()
    assert time.now() == pytest.approx(105.04)


def test_due_is_never_in_the_past() -> None:
    time = FakeTime()
    clock = time.clock()
    assert clock.due == time.now()
    clock.tick()
    time.seconds += 3
    assert clock.due == time.now()
