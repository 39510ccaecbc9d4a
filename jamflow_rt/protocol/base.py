"""What all events share: strictness, scopes, codes, and the bytes of sound in JSON."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

MAX_MESSAGE: Final = 64 * 1024
"""Longest message in bytes: what a data channel carries in one piece."""
MAX_NAME: Final = 200
"""Longest name or id, in characters."""

ErrorCode: TypeAlias = Literal[
    "invalid_json",
    "unknown_type",
    "invalid_event",
    "message_too_long",
    "text_too_long",
    "wrong_order",
    "too_many_messages",
    "invalid_input",
    "not_authorized",
    "rate_limited",
    "not_supported",
    "session_expired",
    "overloaded",
    "failed",
]
DoneStatus: TypeAlias = Literal["completed", "cancelled", "failed"]
Media: TypeAlias = Literal["webrtc", "video", "motion", "audio"]
"""How sound and face travel: over WebRTC, or as frames of `jamflow_rt.protocol.binary`."""
Scope: TypeAlias = Literal["say", "audio", "motion", "view", "upload"]
"""What a token allows."""
SCOPES: Final[frozenset[str]] = frozenset(get_args(Scope))
"""All of them: what an open server allows."""

Name: TypeAlias = Annotated[str, Field(max_length=MAX_NAME)]


def _from_base64(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"it is not base64: {error}") from error


Base64: TypeAlias = Annotated[
    bytes,
    BeforeValidator(_from_base64),
    PlainSerializer(lambda data: base64.b64encode(data).decode("ascii"), when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
"""Bytes that travel as base64 (RFC 4648, section 4, with padding)."""


class Event(BaseModel):
    """Base of all wire events: unknown keys are refused, instances do not change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        # The schema tells what the docstrings tell.
        use_attribute_docstrings=True,
    )


class ClientMessage(Event):
    """Base of what a client sends; an `error` about it repeats its `event_id`."""

    scope: ClassVar[Scope]
    """What a token must allow for it."""
    event_id: Name | None = None
