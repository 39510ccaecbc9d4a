"""The wire events, and a state machine that reads them without touching a socket.

The names follow OpenAI's Realtime API where it has one, `avatar.*` is ours. Every message is one
JSON object with a `type`. The same bytes go over the WebRTC data channel and, later, a WebSocket.

A message that cannot be used becomes an `ErrorEvent` for the sender; the session lives on.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

MAX_MESSAGE: Final = 64 * 1024
"""Longest message in bytes: what a data channel carries in one piece."""

ErrorCode: TypeAlias = Literal[
    "invalid_json",
    "unknown_type",
    "invalid_event",
    "message_too_long",
    "text_too_long",
    "wrong_order",
    "too_many_messages",
    "invalid_input",
    "overloaded",
    "failed",
]


DoneStatus: TypeAlias = Literal["completed", "cancelled", "failed"]


class Event(BaseModel):
    """Base of all wire events: unknown keys are refused, instances do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClientMessage(Event):
    """Base of what a client sends; an `error` about it repeats its `event_id`."""

    event_id: str | None = Field(default=None, max_length=200)


class ResponseCreate(ClientMessage):
    """Say `input`, after what is still being said."""

    type: Literal["response.create"] = "response.create"
    input: str


class InputTextAppend(ClientMessage):
    """The next piece of a text that is still being written; the first piece opens it."""

    type: Literal["input_text.append"] = "input_text.append"
    delta: str


class InputTextDone(ClientMessage):
    """The text opened by `input_text.append` is complete."""

    type: Literal["input_text.done"] = "input_text.done"


class ResponseCancel(ClientMessage):
    """Stop speaking at once and forget what was still to be said."""

    type: Literal["response.cancel"] = "response.cancel"


class SessionCreated(Event):
    """First event of every session."""

    type: Literal["session.created"] = "session.created"
    session_id: str
    max_text: int
    """Longest text of one response, in characters."""


class ResponseCreated(Event):
    """A response was accepted and will be said."""

    type: Literal["response.created"] = "response.created"
    response_id: str
    event_id: str | None = None
    """The `event_id` of the client's event that asked for it, when it had one."""


class TranscriptDelta(Event):
    """A word that is being said now; times count from the first sound of its response."""

    type: Literal["response.output_audio_transcript.delta"] = (
        "response.output_audio_transcript.delta"
    )
    response_id: str
    delta: str
    start_ms: int
    end_ms: int


class ResponseDone(Event):
    """A response ended: it was heard to the end, was interrupted, or could not be said."""

    type: Literal["response.done"] = "response.done"
    response_id: str
    status: DoneStatus
    spoken_text: str
    """The words that were heard to their end."""


class StateChanged(Event):
    """What the avatar does now."""

    type: Literal["avatar.state_changed"] = "avatar.state_changed"
    state: Literal["idle", "listening", "thinking", "speaking"]


class ErrorEvent(Event):
    """Something the client sent could not be used, or a response failed. The session lives on."""

    type: Literal["error"] = "error"
    code: ErrorCode
    message: str
    param: str | None = None
    """The field of the client's event that is at fault."""
    event_id: str | None = None
    """The `event_id` of the client's event, when it had one."""


ClientEvent: TypeAlias = ResponseCreate | InputTextAppend | InputTextDone | ResponseCancel
ServerEvent: TypeAlias = (
    SessionCreated | ResponseCreated | TranscriptDelta | ResponseDone | StateChanged | ErrorEvent
)

_CLIENT: Final[TypeAdapter[ClientEvent]] = TypeAdapter(
    Annotated[ClientEvent, Field(discriminator="type")]
)
_SERVER: Final[TypeAdapter[ServerEvent]] = TypeAdapter(
    Annotated[ServerEvent, Field(discriminator="type")]
)
_CLIENT_TYPES: Final = "response.create, input_text.append, input_text.done, response.cancel"


class Protocol:
    """The server's side of one conversation, without I/O.

    `receive` turns a message into events to act on; what breaks the rules comes back as an
    `ErrorEvent` to send, and changes nothing.
    """

    def __init__(self, max_text: int) -> None:
        # Longest text of one response in characters.
        self._max_text = max_text
        # Characters of the open input text; None when none is open.
        self._open_text: int | None = None

    def receive(self, message: str | bytes) -> list[ClientEvent | ErrorEvent]:
        """Read one message: the events it carries, or the one error it earned."""
        try:
            # A str may hold lone surrogates, which JSON on the wire cannot.
            data = message.encode() if isinstance(message, str) else message
        except UnicodeEncodeError:
            return [ErrorEvent(code="invalid_json", message="The message is not valid Unicode.")]
        if len(data) > MAX_MESSAGE:
            return [
                ErrorEvent(
                    code="message_too_long",
                    message=f"The message has {len(data)} bytes; at most {MAX_MESSAGE} are read. "
                    "Send long texts in several input_text.append events.",
                )
            ]
        try:
            event = _CLIENT.validate_json(data)
        except ValidationError as error:
            return [_explain(error)]
        return [self._check(event) or event]

    def _check(self, event: ClientEvent) -> ErrorEvent | None:
        """The order of events and the length of texts; follows the open text."""
        match event:
            case ResponseCreate():
                if self._open_text is not None:
                    return _out_of_order(event, "an input text is open: end it by input_text.done")
                return self._check_length(event, len(event.input), "input")
            case InputTextAppend():
                length = (self._open_text or 0) + len(event.delta)
                error = self._check_length(event, length, "delta")
                if error is None:
                    self._open_text = length
                return error
            case InputTextDone():
                if self._open_text is None:
                    return _out_of_order(event, "no input text is open: input_text.append opens it")
                self._open_text = None
            case ResponseCancel():
                self._open_text = None
        return None

    def _check_length(self, event: ClientEvent, length: int, param: str) -> ErrorEvent | None:
        if length <= self._max_text:
            return None
        return ErrorEvent(
            code="text_too_long",
            message=f"The text has {length} characters; one response takes {self._max_text}.",
            param=param,
            event_id=event.event_id,
        )


def parse_server_event(message: str | bytes) -> ServerEvent:
    """Read a server's message. Raises pydantic.ValidationError when it is none."""
    return _SERVER.validate_json(message)


def dump_event(event: ClientEvent | ServerEvent) -> str:
    """The event as it goes over the wire."""
    return event.model_dump_json(exclude_none=True)


def _out_of_order(event: ClientEvent, why: str) -> ErrorEvent:
    return ErrorEvent(code="wrong_order", message=f"{event.type}: {why}.", event_id=event.event_id)


def _explain(error: ValidationError) -> ErrorEvent:
    """The first complaint of pydantic as an event that a client's author can act on."""
    first = error.errors(include_url=False, include_context=False)[0]
    given = first["input"]
    event_id = given.get("event_id") if isinstance(given, dict) else None
    event_id = event_id if isinstance(event_id, str) and len(event_id) <= 200 else None
    match first["type"]:
        case "json_invalid":
            return ErrorEvent(code="invalid_json", message="The message is not JSON.")
        case "union_tag_not_found" | "union_tag_invalid":
            return ErrorEvent(
                code="unknown_type",
                message=f"The message needs a type out of: {_CLIENT_TYPES}.",
                param="type",
                event_id=event_id,
            )
        case _:
            # loc is (type of the event, field, …).
            param = ".".join(str(part) for part in first["loc"][1:])[:200] or None
            return ErrorEvent(
                code="invalid_event",
                message=f"{param or 'The message'}: {first['msg']}."[:400],
                param=param,
                event_id=event_id,
            )
