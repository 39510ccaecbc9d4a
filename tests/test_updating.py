from __future__ import annotations

import pytest

from jamflow_rt.errors import Failed, InvalidInput
from tests.stream_fakes import Stage


async def test_update_changes_voice_and_speed_of_what_follows(stage: Stage) -> None:
    before = stage.session.say("before")
    await stage.session.update(voice="low", speed=2.0)
    after = stage.session.say("after")
    await stage.until(lambda: after.done)
    voices = [w.voice for w in stage.engine.sampler.started if w.mel_masked.any()]
    assert voices == sorted(voices) and set(voices) == {0, 1}
    assert before.done
    for wrong in ({"voice": "none"}, {"speed": 9.0}, {"portrait": "me.jpg"}):
        with pytest.raises(InvalidInput):
            await stage.session.update(**{"voice": "high", "speed": 1.0, **wrong})
    speech = stage.session.say("still low")
    await stage.until(lambda: speech.done)
    assert stage.engine.sampler.started[-1].voice in (0, 1)
    await stage.session.aclose()
    with pytest.raises(Failed):
        await stage.session.update(speed=1.0)


async def test_update_changes_the_portrait_at_once() -> None:
    stage = Stage(pictures=True)
    await stage.session.start()
    before = (await stage.frames(3))[-1].picture
    with pytest.raises(InvalidInput, match="no such portrait"):
        await stage.session.update(portrait="broken", voice="low")
    assert stage.performance.voice == 0
    await stage.session.update(portrait="second", voice="low")
    assert stage.performance.voice == 1
    after = (await stage.frames(1))[-1].picture
    assert before is not None and after is not None
    assert (before[0, 0, 0], after[0, 0, 0]) == (
        sum(b"first") % 256,
        sum(b"second") % 256,
    )
    await stage.session.aclose()
