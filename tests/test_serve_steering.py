"""What a client's events do to its session: to one that takes notes, and to a real one."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from jamflow_rt import protocol
from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import Failed, InvalidInput
from jamflow_rt.protocol import MediaFrame, MediaKind
from jamflow_rt.serve.conversation import Conversation
from jamflow_rt.serve.greeting import Greeting
from jamflow_rt.serve.pushing import MAX_PUSHED
from jamflow_rt.serve.responses import MAX_REMEMBERED, Responses
from jamflow_rt.serve.steering import MAX_PORTRAITS
from jamflow_rt.serve.text_feed import TextFeed
from jamflow_rt.stream import events
from jamflow_rt.stream.media import Playback, SpokenWord
from jamflow_rt.stream.speech import Speech
from tests.conversation_fakes import LATENTS, Talk, settle
from tests.stream_fakes import Stage

GREETING = Greeting(voice="low", voices=("low", "high"), portraits=("mara", "broken"))


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    async with Talk(greeting=GREETING) as talk:
        talk.got.clear()
        yield talk


def error_of(answer: list[protocol.ServerEvent]) -> protocol.ErrorEvent:
    assert len(answer) == 1
    assert isinstance(answer[0], protocol.ErrorEvent)
    return answer[0]


def base64_of(samples: list[int]) -> str:
    return base64.b64encode(np.array(samples, "<i2").tobytes()).decode()


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


# Sound and motion


async def test_sound_drives_the_face_until_it_is_committed(talk: Talk) -> None:
    first = base64_of([1, -2, 3])
    created = await talk.send("input_audio_buffer.append", audio=first, event_id="a")
    assert created == [protocol.ResponseCreated(response_id="speech-1", event_id="a")]
    assert await talk.send("input_audio_buffer.append", audio=base64_of([-32768])) == []
    assert await talk.send("input_audio_buffer.commit") == []
    await talk.send("input_audio_buffer.append", audio=base64_of([5]))
    assert talk.session.calls == [
        ("push_audio", [1, -2, 3], SAMPLE_RATE),
        ("push_audio", [-32768], SAMPLE_RATE),
        ("flush",),
        ("push_audio", [5], SAMPLE_RATE),
    ]
    assert talk.got[-1] == protocol.ResponseCreated(response_id="speech-2")


async def test_sound_comes_in_binary_frames_too(talk: Talk) -> None:
    payload = np.array([7, 8], "<i2").tobytes()
    drive = MediaFrame(MediaKind.INPUT_AUDIO, 0, 0, payload)
    hear = MediaFrame(MediaKind.INPUT_AUDIO, 0, 0, payload, flag=True)
    talk.conversation.receive_media(drive.pack())
    talk.conversation.receive_media(hear.pack())
    await settle()
    assert talk.session.calls == [("push_audio", [7, 8], SAMPLE_RATE)]
    assert [pcm.tolist() for pcm in talk.session.heard] == [[7, 8]]


async def test_the_rate_of_sound_can_be_set(talk: Talk) -> None:
    await talk.send("session.update", input_sample_rate=16_000)
    await talk.send("input_audio_buffer.append", audio=base64_of([1]))
    assert talk.session.calls[-1] == ("push_audio", [1], 16_000)


async def test_sound_far_ahead_of_its_playing_is_refused(talk: Talk) -> None:
    audio = base64_of([0] * 20_000)
    seconds = 20_000 / 8_000
    await talk.send("session.update", input_sample_rate=8_000)
    for _ in range(int(MAX_PUSHED / seconds)):
        await talk.send("input_audio_buffer.append", audio=audio)
    assert error_of(await talk.send("input_audio_buffer.append", audio=audio)).code == "overloaded"
    talk.session.speeches[-1].position = seconds
    assert await talk.send("input_audio_buffer.append", audio=audio) == []


async def test_sound_after_an_interruption_is_a_new_response(talk: Talk) -> None:
    await talk.send("input_audio_buffer.append", audio=base64_of([1]))
    # As when the user's voice interrupts.
    talk.session._stop()
    assert talk.got[-1].type == "response.done"
    before = list(talk.session.calls)
    await talk.send("input_audio_buffer.commit")
    assert talk.session.calls == before
    assert (await talk.send("input_audio_buffer.append", audio=base64_of([1])))[-1] == (
        protocol.ResponseCreated(response_id="speech-2")
    )


async def test_sound_after_a_failure_is_a_new_response(talk: Talk) -> None:
    await talk.send("input_audio_buffer.append", audio=base64_of([1]))
    nothing = Playback("speech-1", 0.0, "")
    talk.session.emit(events.SpeechInterrupted(1.0, "speech-1", nothing, Failed("It broke.")))
    await talk.send("input_audio_buffer.append", audio=base64_of([1]))
    assert talk.got[-1] == protocol.ResponseCreated(response_id="speech-2")


async def test_clear_stops_what_is_driven_and_forgets_what_was_heard(talk: Talk) -> None:
    await talk.send("input_audio_buffer.clear")
    assert (talk.session.interrupts, talk.session.calls) == (0, [])
    await talk.send("input_audio_buffer.append", audio=base64_of([1]), purpose="hear")
    await talk.send("input_audio_buffer.clear")
    assert (talk.session.interrupts, talk.session.calls) == (0, [("idle",)])
    await talk.send("input_audio_buffer.append", audio=base64_of([1]))
    answer = await talk.send("input_audio_buffer.clear")
    assert talk.session.interrupts == 1
    assert [event.type for event in answer] == ["response.done"]


async def test_motion_drives_the_face(talk: Talk) -> None:
    row = [0.5] * LATENTS
    answer = await talk.send("input_motion.append", frames=[row, row])
    assert answer == [protocol.ResponseCreated(response_id="speech-1")]
    assert talk.session.calls == [("push_motion", [row, row])]
    await talk.send("input_audio_buffer.commit")
    assert talk.session.calls[-1] == ("flush",)


@pytest.mark.parametrize("frames", [[[0.5]], [[1e300] * LATENTS]])
async def test_motion_that_does_not_fit_is_refused(talk: Talk, frames: list[Any]) -> None:
    error = error_of(await talk.send("input_motion.append", frames=frames))
    assert (error.code, error.param) == ("invalid_input", "frames")


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


async def test_ended_responses_are_remembered_and_the_oldest_forgotten() -> None:
    responses = Responses()
    for number in range(MAX_REMEMBERED + 1):
        responses.add(Speech(str(number)))
        responses.end(str(number))
    assert responses.find("0") is None
    assert responses.find("1") is not None
    assert len(responses) == 0


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
