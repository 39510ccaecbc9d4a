from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt import protocol
from jamflow_rt.protocol import (
    MAX_MESSAGE,
    ErrorEvent,
    InputTextAppend,
    InputTextDone,
    Protocol,
    ResponseCancel,
    ResponseCreate,
)


def error_of(answer: list[protocol.ClientEvent | ErrorEvent]) -> ErrorEvent:
    assert len(answer) == 1
    assert isinstance(answer[0], ErrorEvent)
    return answer[0]


def message(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields})


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (message("response.create", input="Hello."), ResponseCreate(input="Hello.")),
        (message("input_text.append", delta="Hel"), InputTextAppend(delta="Hel")),
        (message("response.cancel", event_id="7"), ResponseCancel(event_id="7")),
    ],
)
def test_reads_each_client_event(text: str, event: protocol.ClientEvent) -> None:
    assert Protocol(max_text=100).receive(text) == [event]
    assert Protocol(max_text=100).receive(text.encode()) == [event]


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
        ('{"type": "session.update"}', "unknown_type", "type"),
        ('{"type": "session.created"}', "unknown_type", "type"),
        ('{"type": "response.create"}', "invalid_event", "input"),
        ('{"type": "response.create", "input": 7}', "invalid_event", "input"),
        ('{"type": "response.create", "input": "a", "inptu": "b"}', "invalid_event", "inptu"),
        ('{"type": "response.cancel", "event_id": 7}', "invalid_event", "event_id"),
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
    for kind in ("response.create", "input_text.append", "input_text.done", "response.cancel"):
        assert kind in error.message


TYPES = st.sampled_from(
    ["response.create", "input_text.append", "input_text.done", "response.cancel", "error", ""]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries(
    {"type": TYPES | JSON},
    optional={
        "input": st.text(max_size=30) | JSON,
        "delta": st.text(max_size=30),
        "event_id": JSON,
    },
)
MESSAGES = st.one_of(
    st.binary(max_size=60),
    st.text(st.characters(), max_size=60),
    JSON.map(json.dumps),
    OBJECTS.map(json.dumps),
)


@given(st.lists(MESSAGES, max_size=12))
def test_no_message_breaks_the_protocol(messages: list[str | bytes]) -> None:
    wire = Protocol(max_text=50)
    for each in messages:
        answer = wire.receive(each)
        assert len(answer) == 1
        # Whatever comes of it can be sent.
        json.loads(protocol.dump_event(answer[0]))
    wire.receive(message("response.cancel"))
    assert wire.receive(message("response.create", input="Hi.")) == [ResponseCreate(input="Hi.")]


@pytest.mark.parametrize(
    "event",
    [
        protocol.SessionCreated(session_id="s", max_text=5),
        protocol.ResponseCreated(response_id="r"),
        protocol.TranscriptDelta(response_id="r", delta="Hi", start_ms=0, end_ms=120),
        protocol.ResponseDone(response_id="r", status="cancelled", spoken_text="Hi"),
        protocol.StateChanged(state="speaking"),
        ErrorEvent(code="failed", message="No."),
    ],
)
def test_server_events_survive_the_wire(event: protocol.ServerEvent) -> None:
    assert protocol.parse_server_event(protocol.dump_event(event)) == event
