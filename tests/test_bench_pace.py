from __future__ import annotations

from jamflow_rt.bench.pace import FastTime


async def test_time_passes_when_nothing_is_left_to_be_done() -> None:
    left = [True, True, False]
    time = FastTime(lambda: bool(left) and left.pop(0))
    await time.sleep(0.04)
    assert left == []
    assert time.now() == 0.04


async def test_a_clock_shows_this_time() -> None:
    time = FastTime(lambda: False)
    clock = time.clock()
    for _ in range(25):
        await clock.wait()
        clock.tick()
    assert clock.time == 1.0
    assert 0.95 < time.now() < 1.0, "25 frames begin within a second"
