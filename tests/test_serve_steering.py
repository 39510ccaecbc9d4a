"""What a client's events do to its session: to one that takes notes, and to a real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from jamflow_rt import protocol
from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.conversation import Conversation
from jamflow_rt.serve.steering import MAX_PORTRAITS
from jamflow_rt.serve.text_feed import TextFeed
from jamflow_rt.stream.media import SpokenWord
from tests.conversation_fakes import GREETING, Talk, base64_of, error_of, settle
from tests.stream_fakes import Stage

# Texts


async def test_interrupt_says_it_instead_of_everything_else(talk: Talk) -> None:
    await talk.send("response.create", input="Long.")
    await talk.send("input_text.append", delta="Longer ")
    answer = await talk.send("response.create", input="Stop.", mode="interrupt")
    assert [event.type for event in answer] == [
        "response.done",
        "response.done",
        "response.created",
    ]
    feed = talk.session.said[1]
    assert isinstance(feed, TextFeed)
    assert [piece async for piece in feed] == ["Longer "]
    # Its text is no longer open, neither here nor in the protocol.
    await talk.send("input_text.append", delta="New.")
    assert len(talk.session.said) == 4


async def test_an_interruption_that_is_refused_ends_what_came_in_but_not_what_is_said(
    talk: Talk,
) -> None:
    await talk.send("input_text.append", delta="Long ")
    await talk.send("input_audio_buffer.append", audio=base64_of([1]))
    error = error_of(await talk.send("response.create", input=" ", mode="interrupt"))
    assert (error.code, error.param) == ("invalid_input", "input")
    assert talk.session.calls[-1] == ("flush",)
    assert len(talk.session._queue) == 2


async def test_the_face_listens_idles_pauses_and_resumes(talk: Talk) -> None:
    await talk.send("avatar.state", state="listening")
    await talk.send("avatar.state", state="idle")
    await talk.send("avatar.pause")
    await talk.send("avatar.resume")
    assert talk.session.calls == [("listen",), ("idle",), ("pause",), ("resume",)]
    assert talk.got == []


# The account


async def test_the_client_tells_how_far_it_heard(talk: Talk) -> None:
    await talk.send("response.create", input="One two three.")
    speech = talk.session.speeches[0]
    speech.position = 1.0
    speech.words = (
        SpokenWord("One", 0.0, 0.3),
        SpokenWord("two", 0.35, 0.6),
        SpokenWord("three", 0.6, 1.1),
    )
    for heard, text in ((0, ""), (299, ""), (300, "One"), (600, "One two"), (1000, "One two")):
        answer = await talk.send(
            "conversation.item.truncate", item_id="speech-1", audio_end_ms=heard
        )
        assert answer == [
            protocol.ItemTruncated(item_id="speech-1", audio_end_ms=heard, spoken_text=text)
        ]


@pytest.mark.parametrize(
    ("item", "heard", "param"), [("speech-1", 1001, "audio_end_ms"), ("speech-9", 0, "item_id")]
)
async def test_nobody_hears_what_was_not_sent(
    talk: Talk, item: str, heard: int, param: str
) -> None:
    await talk.send("response.create", input="One.")
    talk.session.speeches[0].position = 1.0
    error = error_of(
        await talk.send(
            "conversation.item.truncate", item_id=item, audio_end_ms=heard, event_id="t"
        )
    )
    assert (error.code, error.param, error.event_id) == ("invalid_event", param, "t")


async def test_the_playback_position_gives_the_lag(talk: Talk) -> None:
    assert talk.conversation.playback_lag is None
    await talk.send("playback.position", item_id="nobody", ms=3)
    assert talk.conversation.playback_lag is None
    await talk.send("response.create", input="One.")
    talk.session.speeches[0].position = 1.0
    assert await talk.send("playback.position", item_id="speech-1", ms=812.5) == []
    assert talk.conversation.playback_lag == pytest.approx(0.1875)


# Settings


async def test_settings_change_and_are_told(talk: Talk) -> None:
    settings = protocol.SessionUpdated(voice="low", speed=1.0, input_sample_rate=24_000)
    assert await talk.send("session.update") == [settings]
    changed = settings.model_copy(update={"voice": "high", "speed": 1.5})
    assert await talk.send("session.update", voice="high", speed=1.5) == [changed]
    assert talk.session.calls[-1] == ("update", {"voice": "high", "speed": 1.5})
    changed = changed.model_copy(update={"portrait": "mara", "input_sample_rate": 8_000})
    answer = await talk.send("session.update", portrait="mara", input_sample_rate=8_000)
    assert answer == [changed]
    assert talk.session.calls[-1] == ("update", {"portrait": "mara"})


@pytest.mark.parametrize(
    ("field", "value"), [("voice", "loud"), ("portrait", "/etc/passwd"), ("portrait", "nobody")]
)
async def test_only_names_that_were_offered_are_taken(talk: Talk, field: str, value: str) -> None:
    error = error_of(await talk.send("session.update", **{field: value, "speed": 2}))
    assert (error.code, error.param) == ("invalid_input", field)
    assert talk.session.calls == []


async def test_other_portraits_are_found_by_whoever_knows_them() -> None:
    def find(name: str) -> Path:
        if name != "upload-1":
            raise InvalidInput("There is no such portrait.")
        return Path("kept/elsewhere")

    async with Talk(greeting=GREETING, find_portrait=find) as talk:
        answer = await talk.send("session.update", portrait="upload-1")
        assert isinstance(answer[-1], protocol.SessionUpdated)
        assert answer[-1].portrait == "upload-1"
        assert talk.session.calls[-1] == ("update", {"portrait": Path("kept/elsewhere")})
        error = error_of(await talk.send("session.update", portrait="upload-2"))
        assert error.param == "portrait"


async def test_a_client_that_draws_changes_its_face_by_itself() -> None:
    async with Talk(greeting=replace(GREETING, media="motion")) as talk:
        answer = await talk.send("session.update", portrait="mara")
        assert answer[-1].portrait == "mara"
        # The session has no pictures, and would refuse.
        assert all("portrait" not in changes for _, changes in talk.session.calls)
        error = error_of(await talk.send("session.update", portrait="nobody"))
        assert error.param == "portrait"


async def test_a_portrait_that_cannot_be_opened_changes_nothing_else(talk: Talk) -> None:
    error, settings = await talk.send("session.update", portrait="broken", speed=2.0)
    assert isinstance(error, protocol.ErrorEvent)
    assert (error.code, error.param) == ("invalid_input", "portrait")
    assert settings == protocol.SessionUpdated(voice="low", speed=2.0, input_sample_rate=24_000)


async def test_a_portrait_that_takes_its_time_keeps_nobody_waiting(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = asyncio.Event()

    async def update(**changes: Any) -> None:
        if changes.get("portrait") is not None:
            await opened.wait()

    monkeypatch.setattr(talk.session, "update", update)
    for _ in range(MAX_PORTRAITS):
        assert await talk.send("session.update", portrait="mara") == []
    error = error_of(await talk.send("session.update", portrait="mara"))
    assert error.code == "overloaded"
    await talk.send("response.cancel")
    assert talk.session.interrupts == 1
    talk.got.clear()
    opened.set()
    await settle()
    assert talk.types() == ["session.updated"] * MAX_PORTRAITS


# With a session of its own kind


class Performance:
    """A conversation with a real session, whose frames it is told of as a transport would."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.got: list[protocol.ServerEvent] = []
        self.conversation = Conversation(
            self.stage.session,
            lambda text: self.got.append(protocol.parse_server_event(text)),
            max_text=200,
        )

    def send(self, kind: str, **fields: Any) -> None:
        self.conversation.receive(json.dumps({"type": kind, **fields}))

    def of(self, kind: str) -> list[Any]:
        return [cast(Any, event) for event in self.got if event.type == kind]

    async def until(self, kind: str, count: int = 1) -> None:
        for _ in range(2000):
            if len(self.of(kind)) >= count:
                return
            self.conversation.frame(await anext(self.stage.session))
        raise AssertionError(f"{kind} never came")


@pytest.fixture
async def performance() -> AsyncIterator[Performance]:
    performance = Performance()
    task = asyncio.create_task(performance.conversation.run())
    await performance.stage.session.start()
    yield performance
    assert not task.done()
    await performance.stage.session.aclose()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_real_session_says_a_text_and_accounts_for_it(performance: Performance) -> None:
    performance.send("response.create", input="one two three")
    await performance.until("response.done")
    (created,), (done,) = performance.of("response.created"), performance.of("response.done")
    assert (done.response_id, done.status) == (created.response_id, "completed")
    assert (done.spoken_text, done.unspoken_text) == ("one two three", "")
    words = performance.of("response.output_audio_transcript.delta")
    assert [word.delta for word in words] == ["one", "two", "three"]
    visemes = performance.of("avatar.viseme.delta")
    assert [viseme.phoneme for viseme in visemes] == ["a"] * len("onetwothree")
    assert visemes[3].start_ms == words[1].start_ms
    types = [event.type for event in performance.got]
    assert types.index("output_audio_buffer.started") < types.index("avatar.viseme.delta")
    assert types.index("output_audio_buffer.stopped") < types.index("response.done")

    for heard, text in ((words[1].end_ms, "one two"), (words[1].end_ms - 1, "one")):
        performance.send(
            "conversation.item.truncate", item_id=created.response_id, audio_end_ms=heard
        )
        await settle()
        assert performance.got[-1].type == "conversation.item.truncated"
        assert performance.of("conversation.item.truncated")[-1].spoken_text == text
    performance.send(
        "conversation.item.truncate",
        item_id=created.response_id,
        audio_end_ms=done.audio_end_ms + 1,
    )
    await settle()
    assert performance.of("error")[-1].code == "invalid_event"


async def test_a_real_session_is_stopped_in_the_middle_of_a_word(performance: Performance) -> None:
    performance.send("response.create", input="one two three")
    await performance.until("response.output_audio_transcript.delta", 2)
    performance.send("response.cancel")
    await performance.until("response.done")
    (done,) = performance.of("response.done")
    assert (done.status, done.spoken_text, done.unspoken_text) == ("cancelled", "one", "two three")
    assert len(performance.of("output_audio_buffer.cleared")) == 1
    assert performance.of("output_audio_buffer.stopped") == []


async def test_a_real_session_is_driven_by_sound_and_motion(performance: Performance) -> None:
    second = base64_of([100] * SAMPLE_RATE)
    performance.send("input_audio_buffer.append", audio=second)
    performance.send("input_audio_buffer.commit")
    row = performance.stage.studio.space.rest.tolist()
    performance.send("input_motion.append", frames=[row] * 10)
    performance.send("input_audio_buffer.commit")
    await performance.until("response.done", 2)
    sound, motion = performance.of("response.done")
    assert [each.status for each in (sound, motion)] == ["completed", "completed"]
    assert sound.audio_end_ms >= 1000
    assert motion.audio_end_ms >= 400
    assert performance.of("error") == []


async def test_a_real_session_does_not_mix_sound_and_motion(performance: Performance) -> None:
    performance.send("input_audio_buffer.append", audio=base64_of([1] * 100))
    performance.send("input_motion.append", frames=[[0.0]])
    await settle()
    assert performance.of("error")[-1].code == "invalid_input"
    row = performance.stage.studio.space.rest.tolist()
    performance.send("input_motion.append", frames=[row])
    await settle()
    assert performance.of("error")[-1].param == "frames"


async def test_a_real_session_pauses_and_goes_on(performance: Performance) -> None:
    performance.send("response.create", input="one two three")
    await performance.until("response.output_audio_transcript.delta", 2)
    performance.send("avatar.pause")
    for _ in range(20):
        await anext(performance.stage.session)
    assert performance.of("response.done") == []
    performance.send("avatar.resume")
    await performance.until("response.done")
    assert performance.of("response.done")[0].spoken_text == "one two three"


async def test_real_metrics_are_told(performance: Performance) -> None:
    await performance.until("metrics")
    (metrics,) = performance.of("metrics")
    assert metrics.time_ms >= 5000
    assert metrics.ahead_ms > 0
    assert metrics.first_frame_ms is None


async def test_a_closed_session_answers_by_errors(performance: Performance) -> None:
    await performance.stage.session.aclose()
    performance.send("response.create", input="Hello.", event_id="late")
    await settle()
    error = performance.of("error")[-1]
    assert (error.code, error.event_id) == ("failed", "late")
