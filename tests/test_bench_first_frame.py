from __future__ import annotations

from jamflow_rt.bench.first_frame import measure_first_frame
from tests.stream_fakes import Stage


async def test_every_trial_waits_for_the_first_frame_of_a_speech() -> None:
    async with (stage := Stage()).session:
        said: list[str] = []
        say = stage.session.say
        stage.session.say = lambda text: said.append(text) or say(text)
        waits = await measure_first_frame(stage.session, 3, ("one", "two"))
    assert said == ["one", "one", "two", "one"], "one to warm up"
    assert len(waits) == 3
    assert min(waits) > 0
