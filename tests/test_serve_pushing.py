from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jamflow_rt import protocol
from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import Failed
from jamflow_rt.protocol import MediaFrame, MediaKind
from jamflow_rt.serve.pushing import MAX_PUSHED
from jamflow_rt.stream import events
from jamflow_rt.stream.media import Playback
from tests.conversation_fakes import LATENTS, Talk, base64_of, error_of, settle


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
