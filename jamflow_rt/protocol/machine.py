"""The server's side of one conversation, without I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pydantic import ValidationError

from jamflow_rt.errors import InvalidInput
from jamflow_rt.protocol.base import MAX_MESSAGE, SCOPES
from jamflow_rt.protocol.binary import MediaFrame, MediaKind
from jamflow_rt.protocol.client_events import (
    SAMPLE_BYTES,
    ClientEvent,
    InputAudioAppend,
    InputAudioClear,
    InputAudioCommit,
    InputMotionAppend,
    InputTextAppend,
    InputTextDone,
    OutputAudioClear,
    Purpose,
    ResponseCancel,
    ResponseCreate,
    parse_client_event,
)
from jamflow_rt.protocol.explain import explain
from jamflow_rt.protocol.server_events import ErrorEvent

Admit: TypeAlias = Callable[[ClientEvent], ErrorEvent | None]
"""Asked about every event that keeps the rules, before it counts; an error turns it away."""
Received: TypeAlias = list[ClientEvent | ErrorEvent]


class Protocol:
    """Reads a client's messages and knows the order they may come in.

    `receive` turns a message into events to act on; what breaks the rules comes back as an
    `ErrorEvent` to send, and changes nothing.

    Args:
        max_text: longest text of one response in characters.
        scopes: what the client may do.
        admit: turns events away for reasons of its own, such as a limit of rate.
    """

    def __init__(
        self, max_text: int, scopes: frozenset[str] = SCOPES, admit: Admit | None = None
    ) -> None:
        self._max_text = max_text
        self._scopes = scopes
        self._admit = admit
        # Characters of the open input text; None when none is open.
        self._open_text: int | None = None
        # True when sound or motion came in that drives the face, until it is complete.
        self._driven = False

    def receive(self, message: str | bytes) -> Received:
        """Read one JSON message: the events it carries, or the one error it earned."""
        try:
            # A str may hold lone surrogates, which JSON on the wire cannot.
            data = message.encode() if isinstance(message, str) else message
        except UnicodeEncodeError:
            return [ErrorEvent(code="invalid_json", message="The message is not valid Unicode.")]
        if len(data) > MAX_MESSAGE:
            return [_too_long(len(data), "Send long texts and sounds in several append events.")]
        try:
            event = parse_client_event(data)
        except ValidationError as error:
            return [explain(error, data)]
        return [self._check(event) or event]

    def receive_media(self, message: bytes) -> Received:
        """Read one binary message: the events it carries, or the one error it earned."""
        if len(message) > MAX_MESSAGE:
            return [_too_long(len(message), "Send sound in several frames.")]
        try:
            frame = MediaFrame.unpack(message)
        except InvalidInput as error:
            return [ErrorEvent(code="invalid_event", message=str(error))]
        if frame.kind is not MediaKind.INPUT_AUDIO:
            wrong = f"{frame.kind.name} frames come from the server; clients send INPUT_AUDIO."
            return [ErrorEvent(code="invalid_event", message=wrong)]
        if not frame.payload or len(frame.payload) % SAMPLE_BYTES:
            wrong = f"{len(frame.payload)} bytes are no samples of 16 bits."
            return [ErrorEvent(code="invalid_event", message=wrong, param="audio")]
        purpose: Purpose = "hear" if frame.flag else "drive"
        event = InputAudioAppend(audio=frame.payload, purpose=purpose)
        return [self._check(event) or event]

    def _check(self, event: ClientEvent) -> ErrorEvent | None:
        """Whether the event may come now; if so, it counts."""
        error = self._refuse(event)
        if error is None and self._admit is not None:
            error = self._admit(event)
        if error is None:
            self._follow(event)
        return error

    def _refuse(self, event: ClientEvent) -> ErrorEvent | None:
        """The scope of an event, the length of its text, and its place in the order."""
        if event.scope not in self._scopes:
            return ErrorEvent(
                code="not_authorized",
                message=f"{event.type} needs a token with the scope {event.scope!r}; this one "
                f"has: {', '.join(sorted(self._scopes)) or 'none'}.",
                event_id=event.event_id,
            )
        match event:
            case ResponseCreate():
                if self._open_text is not None and event.mode == "queue":
                    return _out_of_order(event, "an input text is open: end it by input_text.done")
                return self._check_length(event, len(event.input), "input")
            case InputTextAppend():
                length = (self._open_text or 0) + len(event.delta)
                return self._check_length(event, length, "delta")
            case InputTextDone() if self._open_text is None:
                return _out_of_order(event, "no input text is open: input_text.append opens it")
            case InputAudioCommit() if not self._driven:
                return _out_of_order(event, "there is no sound or motion to be completed")
        return None

    def _follow(self, event: ClientEvent) -> None:
        match event:
            case InputTextAppend():
                self._open_text = (self._open_text or 0) + len(event.delta)
            case InputTextDone():
                self._open_text = None
            case InputAudioAppend(purpose="drive") | InputMotionAppend():
                self._driven = True
            case InputAudioCommit() | InputAudioClear():
                self._driven = False
            case ResponseCancel() | OutputAudioClear() | ResponseCreate(mode="interrupt"):
                # Everything ends, also what was still coming in.
                self._open_text = None
                self._driven = False

    def _check_length(self, event: ClientEvent, length: int, param: str) -> ErrorEvent | None:
        if length <= self._max_text:
            return None
        return ErrorEvent(
            code="text_too_long",
            message=f"The text has {length} characters; one response takes {self._max_text}.",
            param=param,
            event_id=event.event_id,
        )


def _too_long(size: int, fix: str) -> ErrorEvent:
    return ErrorEvent(
        code="message_too_long",
        message=f"The message has {size} bytes; at most {MAX_MESSAGE} are read. {fix}",
    )


def _out_of_order(event: ClientEvent, why: str) -> ErrorEvent:
    return ErrorEvent(code="wrong_order", message=f"{event.type}: {why}.", event_id=event.event_id)
