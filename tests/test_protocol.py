from __future__ import annotations

import base64
import json
from typing import Any, get_args

import pytest

from jamflow_rt import protocol
from jamflow_rt.protocol import (
    CLIENT_TYPES,
    MAX_MESSAGE,
    SCOPES,
    SERVER_TYPES,
    ErrorEvent,
    InputAudioAppend,
    InputTextAppend,
    InputTextDone,
    MediaFrame,
    MediaKind,
    Protocol,
    ResponseCancel,
    ResponseCreate,
)
from tests.protocol_examples import CLIENT_EVENTS, SERVER_EVENTS


def error_of(answer: protocol.Received) -> ErrorEvent:
    assert len(answer) == 1
    assert isinstance(answer[0], ErrorEvent)
    return answer[0]


def message(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields})


def ready_for(event: protocol.ClientEvent) -> Protocol:
    """A protocol in which the event is in order."""
    wire = Protocol(max_text=100)
    if isinstance(event, InputTextDone):
        wire.receive(message("input_text.append", delta="x"))
    if isinstance(event, protocol.InputAudioCommit):
        wire.receive(message("input_motion.append", frames=[[1.0]]))
    return wire


def test_the_examples_are_complete() -> None:
    assert [event.type for event in CLIENT_EVENTS] == list(CLIENT_TYPES)
    assert {event.type for event in SERVER_EVENTS} == set(SERVER_TYPES)


@pytest.mark.parametrize("event", CLIENT_EVENTS, ids=CLIENT_TYPES)
def test_client_events_survive_the_wire(event: protocol.ClientEvent) -> None:
    text = protocol.dump_event(event)
    assert protocol.parse_client_event(text) == event
    assert ready_for(event).receive(text) == [event]
    assert ready_for(event).receive(text.encode()) == [event]


@pytest.mark.parametrize("event", SERVER_EVENTS)
def test_server_events_survive_the_wire(event: protocol.ServerEvent) -> None:
    assert protocol.parse_server_event(protocol.dump_event(event)) == event


@pytest.mark.parametrize("event", CLIENT_EVENTS, ids=CLIENT_TYPES)
def test_every_event_needs_its_scope(event: protocol.ClientEvent) -> None:
    text = protocol.dump_event(event.model_copy(update={"event_id": "e"}))
    error = error_of(Protocol(100, scopes=SCOPES - {event.scope}).receive(text))
    assert (error.code, error.event_id) == ("not_authorized", "e")
    assert event.scope in error.message


def test_the_scopes_are_those_of_tokens() -> None:
    kinds = get_args(protocol.ClientEvent)
    needed = {kind.model_fields["type"].default: kind.scope for kind in kinds}
    assert set(needed.values()) == SCOPES - {"upload"}
    assert needed["input_text.done"] == "say"
    assert needed["input_audio_buffer.clear"] == "audio"
    assert needed["input_motion.append"] == "motion"
    assert needed["response.cancel"] == needed["output_audio_buffer.clear"] == "view"


def test_what_is_not_allowed_leaves_no_trace() -> None:
    wire = Protocol(100, scopes=frozenset({"view"}))
    assert error_of(wire.receive(message("input_text.append", delta="x"))).code == "not_authorized"
    assert error_of(wire.receive(message("input_text.done"))).code == "not_authorized"


def test_what_is_turned_away_leaves_no_trace() -> None:
    refusal: ErrorEvent | None = ErrorEvent(code="rate_limited", message="Wait.")
    asked = []

    def admit(event: protocol.ClientEvent) -> ErrorEvent | None:
        asked.append(event.type)
        return refusal

    wire = Protocol(max_text=10, admit=admit)
    assert wire.receive(message("input_text.append", delta="x" * 10)) == [refusal]
    # What breaks the rules is not asked about.
    assert error_of(wire.receive(message("input_text.done"))).code == "wrong_order"
    assert asked == ["input_text.append"]
    refusal = None
    text = message("input_text.append", delta="x" * 10)
    assert wire.receive(text) == [InputTextAppend(delta="x" * 10)]


def test_a_text_is_opened_written_and_closed() -> None:
    wire = Protocol(max_text=100)
    assert wire.receive(message("input_text.append", delta="One ")) != []
    assert wire.receive(message("input_text.append", delta="two.")) == [
        InputTextAppend(delta="two.")
    ]
    assert wire.receive(message("input_text.done")) == [InputTextDone()]
    assert error_of(wire.receive(message("input_text.done"))).code == "wrong_order"


def test_done_without_a_text_is_out_of_order() -> None:
    error = error_of(Protocol(max_text=100).receive(message("input_text.done", event_id="x")))
    assert (error.code, error.event_id) == ("wrong_order", "x")


def test_create_while_a_text_is_open_is_out_of_order_and_leaves_it_open() -> None:
    wire = Protocol(max_text=100)
    wire.receive(message("input_text.append", delta="One "))
    assert error_of(wire.receive(message("response.create", input="Two"))).code == "wrong_order"
    assert wire.receive(message("input_text.done")) == [InputTextDone()]


def test_cancel_closes_the_open_text() -> None:
    wire = Protocol(max_text=100)
    wire.receive(message("input_text.append", delta="One "))
    wire.receive(message("response.cancel"))
    assert wire.receive(message("response.create", input="Two")) == [ResponseCreate(input="Two")]


def test_long_texts_are_refused_in_one_piece_and_in_many() -> None:
    wire = Protocol(max_text=10)
    error = error_of(wire.receive(message("response.create", input="x" * 11, event_id="9")))
    assert (error.code, error.param, error.event_id) == ("text_too_long", "input", "9")
    assert wire.receive(message("input_text.append", delta="x" * 6)) == [
        InputTextAppend(delta="xxxxxx")
    ]
    assert (
        error_of(wire.receive(message("input_text.append", delta="x" * 6))).code == "text_too_long"
    )
    # What was refused does not count.
    assert wire.receive(message("input_text.append", delta="xxxx")) == [
        InputTextAppend(delta="xxxx")
    ]


def test_an_interruption_ends_the_open_text() -> None:
    wire = Protocol(max_text=100)
    wire.receive(message("input_text.append", delta="One "))
    text = message("response.create", input="Two", mode="interrupt")
    assert wire.receive(text) == [ResponseCreate(input="Two", mode="interrupt")]
    assert error_of(wire.receive(message("input_text.done"))).code == "wrong_order"


@pytest.mark.parametrize("end", ["input_audio_buffer.clear", "response.cancel"])
def test_only_what_came_in_can_be_committed(end: str) -> None:
    wire = Protocol(max_text=100)
    commit = message("input_audio_buffer.commit")
    sound = {"audio": base64.b64encode(bytes(2)).decode()}
    assert error_of(wire.receive(commit)).code == "wrong_order"
    wire.receive(message("input_audio_buffer.append", purpose="hear", **sound))
    assert error_of(wire.receive(commit)).code == "wrong_order"
    wire.receive(message("input_audio_buffer.append", **sound))
    assert wire.receive(commit) == [protocol.InputAudioCommit()]
    wire.receive(message("input_audio_buffer.append", **sound))
    wire.receive(message(end))
    assert error_of(wire.receive(commit)).code == "wrong_order"


def media(**changes: Any) -> bytes:
    frame = {"kind": MediaKind.INPUT_AUDIO, "epoch": 0, "time": 0, "payload": bytes(4)} | changes
    return MediaFrame(**frame).pack()


def test_binary_frames_are_sound() -> None:
    wire = Protocol(max_text=100)
    assert wire.receive_media(media()) == [InputAudioAppend(audio=bytes(4))]
    assert wire.receive_media(media(flag=True)) == [
        InputAudioAppend(audio=bytes(4), purpose="hear")
    ]
    assert wire.receive(message("input_audio_buffer.commit")) == [protocol.InputAudioCommit()]
    deaf = Protocol(max_text=100, scopes=frozenset({"say"}))
    assert error_of(deaf.receive_media(media())).code == "not_authorized"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalid_event"),
        (media()[:15], "invalid_event"),
        (b"\x07" + media()[1:], "invalid_event"),
        (media()[:2] + b"\x00\x01" + media()[4:], "invalid_event"),
        (media(kind=MediaKind.VIDEO), "invalid_event"),
        (media(payload=b""), "invalid_event"),
        (media(payload=bytes(3)), "invalid_event"),
        (media(payload=bytes(MAX_MESSAGE)), "message_too_long"),
    ],
)
def test_binary_frames_that_cannot_be_used_become_an_error(data: bytes, code: str) -> None:
    wire = Protocol(max_text=100)
    error = error_of(wire.receive_media(data))
    assert error.code == code
    assert error.message
    assert len(wire.receive_media(media())) == 1


def test_a_100_kilobyte_message_is_refused_by_its_size() -> None:
    wire = Protocol(max_text=1_000_000)
    assert (
        error_of(wire.receive(message("response.create", input="x" * 100_000))).code
        == "message_too_long"
    )
    assert error_of(wire.receive(b"x" * (MAX_MESSAGE + 1))).code == "message_too_long"
    assert error_of(wire.receive("é" * (MAX_MESSAGE // 2 + 1))).code == "message_too_long"


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("", "invalid_json", None),
        ("{", "invalid_json", None),
        ("\ud800", "invalid_json", None),
        (b"\xff\xfe", "invalid_json", None),
        ("[" * 5000, "invalid_json", None),
        ("[]", "invalid_event", None),
        ("7", "invalid_event", None),
        ("{}", "unknown_type", "type"),
        ('{"type": 7}', "unknown_type", "type"),
        ('{"type": "session.start"}', "unknown_type", "type"),
        ('{"type": "session.created"}', "unknown_type", "type"),
        ('{"type": "response.create"}', "invalid_event", "input"),
        ('{"type": "response.create", "input": 7}', "invalid_event", "input"),
        ('{"type": "response.create", "input": "a", "inptu": "b"}', "invalid_event", "inptu"),
        ('{"type": "response.cancel", "event_id": 7}', "invalid_event", "event_id"),
        (message("response.cancel", event_id="x" * 201), "invalid_event", "event_id"),
        (message("response.create", input="a", mode="later"), "invalid_event", "mode"),
        (message("session.update", speed=9), "invalid_event", "speed"),
        (message("session.update", speed="1"), "invalid_event", "speed"),
        (message("session.update", speed=True), "invalid_event", "speed"),
        ('{"type": "session.update", "speed": NaN}', "invalid_event", "speed"),
        (message("session.update", input_sample_rate=7999), "invalid_event", "input_sample_rate"),
        (message("session.update", input_sample_rate=8e3), "invalid_event", "input_sample_rate"),
        (message("input_audio_buffer.append", audio=""), "invalid_event", "audio"),
        (message("input_audio_buffer.append", audio="AA"), "invalid_event", "audio"),
        (message("input_audio_buffer.append", audio="AAAA"), "invalid_event", "audio"),
        (message("input_audio_buffer.append", audio="é==="), "invalid_event", "audio"),
        (message("input_audio_buffer.append", audio=[0, 0]), "invalid_event", "audio"),
        (message("input_motion.append", frames=[]), "invalid_event", "frames"),
        (message("input_motion.append", frames=[[]]), "invalid_event", "frames.0"),
        (message("input_motion.append", frames=[[1], [1, 2]]), "invalid_event", "frames"),
        (message("input_motion.append", frames=[["1"]]), "invalid_event", "frames.0.0"),
        ('{"type":"input_motion.append","frames":[[1e999]]}', "invalid_event", "frames.0.0"),
        (
            message("conversation.item.truncate", item_id="r", audio_end_ms=-1),
            "invalid_event",
            "audio_end_ms",
        ),
        (
            message("conversation.item.truncate", item_id="r", audio_end_ms=1, content_index=1),
            "invalid_event",
            "content_index",
        ),
        (message("avatar.state", state="asleep"), "invalid_event", "state"),
        (message("playback.position", item_id="r"), "invalid_event", "ms"),
    ],
)
def test_what_cannot_be_used_becomes_an_error(
    text: str | bytes, code: str, param: str | None
) -> None:
    wire = Protocol(max_text=100)
    error = error_of(wire.receive(text))
    assert (error.code, error.param) == (code, param)
    assert error.message
    assert wire.receive(message("response.cancel")) == [ResponseCancel()]


def test_the_unknown_type_error_names_the_known_ones_and_repeats_the_id() -> None:
    error = error_of(Protocol(max_text=10).receive('{"type": "x", "event_id": "abc"}'))
    assert error.event_id == "abc"
    for kind in CLIENT_TYPES:
        assert kind in error.message


def test_an_error_repeats_the_id_also_when_another_field_is_at_fault() -> None:
    text = message("response.create", input=7, event_id="abc")
    assert error_of(Protocol(max_text=10).receive(text)).event_id == "abc"


def test_an_error_about_a_long_message_is_short() -> None:
    text = message("response.create", input="a", **{"x" * 5000: 1})
    error = error_of(Protocol(max_text=10).receive(text))
    assert error.code == "invalid_event"
    assert len(protocol.dump_event(error)) < 1000


def test_events_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        ResponseCreate(input="a").input = "b"  # type: ignore[misc]
