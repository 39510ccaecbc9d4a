"""What the server tells. Times in milliseconds; those of a response count from its first sound."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias, get_args

from pydantic import Field, TypeAdapter

from jamflow_rt.protocol.base import DoneStatus, ErrorCode, Event, Media


class SessionCreated(Event):
    """First event of every connection."""

    type: Literal["session.created"] = "session.created"
    session_id: str
    max_text: int
    """Longest text of one response, in characters."""
    resume_token: str | None = None
    """Comes back to this session after a loss of the connection, for some seconds."""
    resumed: bool = False
    """True when the client has come back to a session that went on without it."""
    voice: str | None = None
    portrait: str | None = None
    voices: tuple[str, ...] = ()
    """Those that `session.update` takes."""
    portraits: tuple[str, ...] = ()
    """Those that `session.update` takes; uploaded ones besides."""
    media: Media = "webrtc"
    scopes: tuple[str, ...] = ()
    """What this client may do."""
    badge: bool = False
    """Whoever draws the face marks it as made by a machine; pictures from here are marked."""


class SessionUpdated(Event):
    """How the session is set now."""

    type: Literal["session.updated"] = "session.updated"
    voice: str | None = None
    portrait: str | None = None
    speed: float
    input_sample_rate: int


class SessionExpiring(Event):
    """The session will end, unless something is asked of it (`idle`), or in any case (`time`)."""

    type: Literal["session.expiring"] = "session.expiring"
    reason: Literal["idle", "time"]
    seconds: float
    """Until then."""


class SessionClosed(Event):
    """Last event of a session."""

    type: Literal["session.closed"] = "session.closed"
    reason: Literal["idle", "time", "server", "client", "failed"]


class ResponseCreated(Event):
    """A response was accepted and will be said."""

    type: Literal["response.created"] = "response.created"
    response_id: str
    event_id: str | None = None
    """The `event_id` of the client's event that asked for it, when it had one."""


class ResponseDone(Event):
    """A response ended: it was heard to the end, was interrupted, or could not be said."""

    type: Literal["response.done"] = "response.done"
    response_id: str
    status: DoneStatus
    spoken_text: str
    """The words that left the server to their end."""
    unspoken_text: str
    """What is known of the text and was not heard to its end."""
    audio_end_ms: int
    """How much of it left the server."""


class TranscriptDelta(Event):
    """A word that is being said now."""

    type: Literal["response.output_audio_transcript.delta"] = (
        "response.output_audio_transcript.delta"
    )
    response_id: str
    delta: str
    start_ms: int
    end_ms: int


class VisemeDelta(Event):
    """A phoneme that begins in the frame that is sent now, for faces drawn by the client."""

    type: Literal["avatar.viseme.delta"] = "avatar.viseme.delta"
    response_id: str
    phoneme: str
    """IPA."""
    start_ms: int
    end_ms: int


class OutputAudioStarted(Event):
    """The first sound of a response left the server."""

    type: Literal["output_audio_buffer.started"] = "output_audio_buffer.started"
    response_id: str


class OutputAudioStopped(Event):
    """The last sound of a response left the server."""

    type: Literal["output_audio_buffer.stopped"] = "output_audio_buffer.stopped"
    response_id: str


class OutputAudioCleared(Event):
    """The sound of a response was broken off."""

    type: Literal["output_audio_buffer.cleared"] = "output_audio_buffer.cleared"
    response_id: str


class ItemTruncated(Event):
    """What the client heard of a response."""

    type: Literal["conversation.item.truncated"] = "conversation.item.truncated"
    item_id: str
    audio_end_ms: int
    spoken_text: str
    """The words that ended until then."""


class SpeechStarted(Event):
    """The user began to speak."""

    type: Literal["input_audio_buffer.speech_started"] = "input_audio_buffer.speech_started"


class SpeechStopped(Event):
    """The user has been silent long enough to want an answer."""

    type: Literal["input_audio_buffer.speech_stopped"] = "input_audio_buffer.speech_stopped"


class StateChanged(Event):
    """What the avatar does now."""

    type: Literal["avatar.state_changed"] = "avatar.state_changed"
    state: Literal["idle", "listening", "thinking", "speaking"]


class Metrics(Event):
    """How the session is doing, every few seconds."""

    type: Literal["metrics"] = "metrics"
    time_ms: int
    """On the session's media clock."""
    ahead_ms: int
    """Sound and pictures that are ready to leave."""
    late_ms: int
    """By how much the latest frame left after it was due."""
    underruns: int
    """Since the session began."""
    first_frame_ms: int | None = None
    """From the asking to the first frame of the last response that did not have to queue."""


class RateLimits(Event):
    """What may still be asked for."""

    type: Literal["rate_limits.updated"] = "rate_limits.updated"
    limit: int
    remaining: int
    reset_seconds: float


class ErrorEvent(Event):
    """Something the client sent could not be used, or a response failed. The session lives on."""

    type: Literal["error"] = "error"
    code: ErrorCode
    message: str
    param: str | None = None
    """The field of the client's event that is at fault."""
    event_id: str | None = None
    """The `event_id` of the client's event, when it had one."""


ServerEvent: TypeAlias = (
    SessionCreated
    | SessionUpdated
    | SessionExpiring
    | SessionClosed
    | ResponseCreated
    | ResponseDone
    | TranscriptDelta
    | VisemeDelta
    | OutputAudioStarted
    | OutputAudioStopped
    | OutputAudioCleared
    | ItemTruncated
    | SpeechStarted
    | SpeechStopped
    | StateChanged
    | Metrics
    | RateLimits
    | ErrorEvent
)
SERVER_TYPES: Final[tuple[str, ...]] = tuple(
    kind.model_fields["type"].default for kind in get_args(ServerEvent)
)
"""The `type` of every event that the server may send."""

SERVER: Final[TypeAdapter[ServerEvent]] = TypeAdapter(
    Annotated[ServerEvent, Field(discriminator="type")]
)


def parse_server_event(message: str | bytes) -> ServerEvent:
    """Read a server's message. Raises pydantic.ValidationError when it is none."""
    return SERVER.validate_json(message)
