from __future__ import annotations

import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.events import Event, SpeechFinished
from tests.stream_fakes import Stage


async def test_a_failing_listener_disturbs_nobody(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError("listener")

    remove = stage.session.on_event(broken)
    speech = stage.session.say("hello")
    await stage.until(lambda: speech.started)
    assert "listener" in caplog.text
    remove()
    caplog.clear()
    await stage.until(lambda: speech.done)
    assert caplog.text == ""
    assert len(stage.of(SpeechFinished)) == 1


async def test_events_of_one_type(stage: Stage) -> None:
    words: list[str] = []
    remove = stage.session.on("speech.word", lambda event: words.append(event.text))
    with pytest.raises(InvalidInput, match=r"speech\.started"):
        stage.session.on("speech.begun", print)
    speech = stage.session.say("one two")
    await stage.until(lambda: speech.done)
    remove()
    assert words == ["one", "two"]
    again = stage.session.say("three")
    await stage.until(lambda: again.done)
    assert words == ["one", "two"]
