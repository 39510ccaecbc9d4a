"""Messages that nobody should send: each gives an event or one error, and nothing breaks.

10,000 of them go to the protocol: most are valid ones that were damaged, as broken and hostile
clients send them; the others are made up. Damage is drawn as a seed for as many messages as make a
talk, which costs a hundredth of drawing each damage by itself.
"""

from __future__ import annotations

import asyncio
import json
import random
import struct
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamflow_rt import protocol
from jamflow_rt.errors import InvalidInput
from jamflow_rt.protocol import ErrorEvent, MotionPayload, Protocol
from jamflow_rt.serve.greeting import Greeting
from tests.conversation_fakes import Talk, settle
from tests.damage import damaged, damaged_media

DAMAGED_TALKS, MADE_UP_TALKS, BINARY_TALKS = 430, 10, 80
TALK: Final = 20
"""Messages of one example, to one protocol: what one leaves behind the next one meets."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries(
    {"type": st.sampled_from(protocol.CLIENT_TYPES) | JSON},
    optional={
        name: JSON
        for name in ("input", "delta", "audio", "purpose", "frames", "item_id", "event_id", "speed")
    },
)
MADE_UP = st.one_of(
    st.binary(max_size=60),
    st.text(st.characters(), max_size=60),
    JSON.map(json.dumps),
    OBJECTS.map(json.dumps),
)
SEEDS = st.integers(0, 2**32 - 1)
PAYLOADS = st.integers(0, 20).flatmap(
    lambda size: st.binary(min_size=2 * size + 52, max_size=2 * size + 52).map(
        lambda rest: struct.pack(">H", size) + rest
    )
)


def check(answer: protocol.Received) -> None:
    """An event that means what it says on the wire, or one error that can be sent."""
    (event,) = answer
    text = protocol.dump_event(event)
    if isinstance(event, ErrorEvent):
        assert event.message
        assert len(text) < 2_000
        assert protocol.parse_server_event(text) == event
    else:
        assert protocol.parse_client_event(text) == event


def check_alive(wire: Protocol) -> None:
    """Whatever it met, it still does what it should."""
    assert wire.receive('{"type": "response.cancel"}') == [protocol.ResponseCancel()]
    text = '{"type": "response.create", "input": "Hi."}'
    assert wire.receive(text) == [protocol.ResponseCreate(input="Hi.")]


def test_they_are_ten_thousand() -> None:
    assert TALK * (DAMAGED_TALKS + MADE_UP_TALKS + BINARY_TALKS) >= 10_000


@settings(max_examples=DAMAGED_TALKS)
@given(SEEDS)
def test_no_damaged_message_breaks_the_protocol(seed: int) -> None:
    chance = random.Random(seed)
    wire = Protocol(max_text=50)
    for _ in range(TALK):
        check(wire.receive(damaged(chance)))
    check_alive(wire)


@settings(max_examples=MADE_UP_TALKS)
@given(st.lists(MADE_UP, min_size=TALK, max_size=TALK))
def test_no_made_up_message_breaks_the_protocol(messages: list[str | bytes]) -> None:
    wire = Protocol(max_text=50)
    for message in messages:
        check(wire.receive(message))
    check_alive(wire)


@settings(max_examples=BINARY_TALKS)
@given(SEEDS)
def test_no_binary_message_breaks_the_protocol(seed: int) -> None:
    chance = random.Random(seed)
    wire = Protocol(max_text=50)
    for _ in range(TALK):
        check(wire.receive_media(damaged_media(chance)))
    check_alive(wire)


@settings(max_examples=300)
@given(PAYLOADS | st.binary(max_size=130))
def test_motion_is_read_or_refused(payload: bytes) -> None:
    try:
        read = MotionPayload.unpack(payload)
    except InvalidInput:
        return
    assert read.pack() == payload


@pytest.mark.parametrize("scopes", [protocol.SCOPES, frozenset({"audio", "view"})])
@settings(max_examples=40)
@given(seed=SEEDS)
def test_no_message_breaks_a_conversation(scopes: frozenset[str], seed: int) -> None:
    asyncio.run(converse(scopes, random.Random(seed)))


async def converse(scopes: frozenset[str], chance: random.Random) -> None:
    greeting = Greeting(voices=("low",), portraits=("mara",))
    async with Talk(scopes=scopes, greeting=greeting) as talk:
        for _ in range(TALK):
            talk.got.clear()
            if chance.random() < 0.3:
                talk.conversation.receive_media(damaged_media(chance))
            else:
                talk.conversation.receive(damaged(chance))
            await settle()
            errors = [event for event in talk.got if isinstance(event, ErrorEvent)]
            assert len(errors) <= 1
            # What would be an error of ours, not of the client.
            assert not any("broke" in error.message for error in errors)
        await talk.send("response.cancel")
        assert len(talk.conversation._responses) == 0
        answer = await talk.send("avatar.state", state="listening")
        assert answer == []
        assert talk.session.calls[-1] == ("listen",)
