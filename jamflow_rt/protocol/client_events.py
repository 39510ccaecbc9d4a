"""What a client may send."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, TypeAlias, get_args

from pydantic import Field, TypeAdapter, field_validator

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.codec.pcm import HIGHEST_RATE, LOWEST_RATE
from jamflow_rt.protocol.base import Base64, ClientMessage, Name, Scope

DEFAULT_INPUT_RATE: Final = SAMPLE_RATE
"""Samples a second of sound that comes in, until `session.update` says otherwise."""
SAMPLE_BYTES: Final = 2
"""Bytes of one sample of sound that comes in: signed 16 bits, little-endian, one channel."""

Purpose: TypeAlias = Literal["drive", "hear"]
"""Sound that the face speaks with, or the user's microphone."""
Row: TypeAlias = Annotated[tuple[float, ...], Field(min_length=1)]


class SessionUpdate(ClientMessage):
    """Change what is given, and have all of it told by `session.updated`.

    Voice and speed hold for what is said from now on, a portrait as soon as it is drawn.
    """

    scope: ClassVar[Scope] = "view"
    type: Literal["session.update"] = "session.update"
    voice: Name | None = None
    portrait: Name | None = None
    speed: float | None = Field(default=None, ge=0.25, le=4.0)
    """Rate of speech; 1 is as learned."""
    input_sample_rate: int | None = Field(default=None, ge=LOWEST_RATE, le=HIGHEST_RATE)
    """Samples a second of the sound that comes in."""


class ResponseCreate(ClientMessage):
    """Say `input`, after what is still being said or instead of it."""

    scope: ClassVar[Scope] = "say"
    type: Literal["response.create"] = "response.create"
    input: str
    mode: Literal["queue", "interrupt"] = "queue"
    """`interrupt` ends everything else, also a text that is still being written."""


class InputTextAppend(ClientMessage):
    """The next piece of a text that is still being written; the first piece opens it."""

    scope: ClassVar[Scope] = "say"
    type: Literal["input_text.append"] = "input_text.append"
    delta: str


class InputTextDone(ClientMessage):
    """The text opened by `input_text.append` is complete."""

    scope: ClassVar[Scope] = "say"
    type: Literal["input_text.done"] = "input_text.done"


class InputAudioAppend(ClientMessage):
    """More sound: a voice that drives the face, or the user's own to be heard."""

    scope: ClassVar[Scope] = "audio"
    type: Literal["input_audio_buffer.append"] = "input_audio_buffer.append"
    audio: Base64
    """Signed 16-bit little-endian samples, one channel, at `input_sample_rate`."""
    purpose: Purpose = "drive"

    @field_validator("audio")
    @classmethod
    def _check(cls, audio: bytes) -> bytes:
        if not audio or len(audio) % SAMPLE_BYTES:
            raise ValueError(
                f"{len(audio)} bytes are no samples of 16 bits; give an even number of bytes"
            )
        return audio


class InputAudioCommit(ClientMessage):
    """The sound or motion that drives the face is complete."""

    scope: ClassVar[Scope] = "audio"
    type: Literal["input_audio_buffer.commit"] = "input_audio_buffer.commit"


class InputAudioClear(ClientMessage):
    """Forget the sound that came in.

    Sound that drives the face is played as it comes in: forgetting it stops what is being said.
    """

    scope: ClassVar[Scope] = "audio"
    type: Literal["input_audio_buffer.clear"] = "input_audio_buffer.clear"


class InputMotionAppend(ClientMessage):
    """More motion that the face follows in silence, 25 frames a second."""

    scope: ClassVar[Scope] = "motion"
    type: Literal["input_motion.append"] = "input_motion.append"
    frames: tuple[Row, ...] = Field(min_length=1)
    """Latents of the motion space, one row a frame, as `GET /v1/motion-space` describes them."""

    @field_validator("frames")
    @classmethod
    def _check(cls, frames: tuple[Row, ...]) -> tuple[Row, ...]:
        if len({len(row) for row in frames}) > 1:
            raise ValueError("the rows differ in length; all have the motion space's size")
        return frames


class ResponseCancel(ClientMessage):
    """Stop speaking at once and forget what was still to be said."""

    scope: ClassVar[Scope] = "view"
    type: Literal["response.cancel"] = "response.cancel"


class OutputAudioClear(ClientMessage):
    """The same as `response.cancel`, under the name that WebRTC clients of OpenAI use."""

    scope: ClassVar[Scope] = "view"
    type: Literal["output_audio_buffer.clear"] = "output_audio_buffer.clear"


class ItemTruncate(ClientMessage):
    """How far the client heard a response; answered by what was said until then."""

    scope: ClassVar[Scope] = "view"
    type: Literal["conversation.item.truncate"] = "conversation.item.truncate"
    item_id: Name
    """A `response_id`."""
    content_index: Literal[0] = 0
    audio_end_ms: int = Field(ge=0)
    """From the response's first sound."""


class AvatarState(ClientMessage):
    """What the face does while it says nothing."""

    scope: ClassVar[Scope] = "view"
    type: Literal["avatar.state"] = "avatar.state"
    state: Literal["listening", "idle"]


class AvatarPause(ClientMessage):
    """Fall silent and keep everything; `avatar.resume` goes on."""

    scope: ClassVar[Scope] = "view"
    type: Literal["avatar.pause"] = "avatar.pause"


class AvatarResume(ClientMessage):
    """Go on after `avatar.pause`, from the word that was broken off."""

    scope: ClassVar[Scope] = "view"
    type: Literal["avatar.resume"] = "avatar.resume"


class PlaybackPosition(ClientMessage):
    """Where the client's playback of a response stands. Only taken note of."""

    scope: ClassVar[Scope] = "view"
    type: Literal["playback.position"] = "playback.position"
    item_id: Name
    """A `response_id`."""
    ms: float = Field(ge=0)
    """From the response's first sound."""


ClientEvent: TypeAlias = (
    SessionUpdate
    | ResponseCreate
    | InputTextAppend
    | InputTextDone
    | InputAudioAppend
    | InputAudioCommit
    | InputAudioClear
    | InputMotionAppend
    | ResponseCancel
    | OutputAudioClear
    | ItemTruncate
    | AvatarState
    | AvatarPause
    | AvatarResume
    | PlaybackPosition
)
CLIENT_TYPES: Final[tuple[str, ...]] = tuple(
    kind.model_fields["type"].default for kind in get_args(ClientEvent)
)
"""The `type` of every event that a client may send."""

CLIENT: Final[TypeAdapter[ClientEvent]] = TypeAdapter(
    Annotated[ClientEvent, Field(discriminator="type")]
)


def parse_client_event(message: str | bytes) -> ClientEvent:
    """Read a client's message. Raises pydantic.ValidationError when it is none."""
    return CLIENT.validate_json(message, strict=True)
