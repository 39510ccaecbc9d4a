"""What a session tells its listeners. Plain data: how it travels is the business of serve/.

Every event has a `type`, which `Session.on` takes, and a `time` in seconds on the session's media
clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from jamflow_rt.errors import JamflowError
from jamflow_rt.stream.media import Playback

State = Literal["idle", "listening", "thinking", "speaking"]


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The first frame of a speech left the session."""

    type: ClassVar[str] = "speech.started"
    time: float
    speech_id: str
    first_frame: float | None = None
    """Seconds from `say` to this frame; None when the speech had to queue, and at a client."""


@dataclass(frozen=True, slots=True)
class WordSpoken:
    """A word begins in the frame that just left."""

    type: ClassVar[str] = "speech.word"
    time: float
    speech_id: str
    text: str
    start: float
    """Seconds from the speech's first sound."""
    end: float


@dataclass(frozen=True, slots=True)
class SpeechFinished:
    """A speech was heard to its end."""

    type: ClassVar[str] = "speech.finished"
    time: float
    speech_id: str
    playback: Playback


@dataclass(frozen=True, slots=True)
class SpeechInterrupted:
    """A speech ended before its end: interrupted, its session closed, or it failed."""

    type: ClassVar[str] = "speech.interrupted"
    time: float
    speech_id: str
    playback: Playback
    error: Exception | None = None
    """Why, when something went wrong; None for an ordinary interruption."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The session went from one state to another."""

    type: ClassVar[str] = "state.changed"
    time: float
    state: State


@dataclass(frozen=True, slots=True)
class UserStarted:
    """The user, whom `Session.hear` hears, began to speak."""

    type: ClassVar[str] = "user.started"
    time: float
    interrupts: bool = False
    """True when the avatar was speaking and stops for it."""


@dataclass(frozen=True, slots=True)
class UserStopped:
    """The user has been silent long enough to want an answer."""

    type: ClassVar[str] = "user.stopped"
    time: float


@dataclass(frozen=True, slots=True)
class Underrun:
    """A frame was due and none was ready: the face is held and silent until generation is back.

    Nothing is lost: what was to be said follows later. Sent once a gap.
    """

    type: ClassVar[str] = "underrun"
    time: float
    speech_id: str | None


@dataclass(frozen=True, slots=True)
class Metrics:
    """How the session is doing, every few seconds of its media clock."""

    type: ClassVar[str] = "metrics"
    time: float
    ahead: float
    """Seconds that are ready to leave."""
    late: float
    """Seconds by which the latest frame left after it was due."""
    underruns: int
    """Since the session began."""
    first_frame: float | None
    """Seconds from `say` to the first frame of the last speech that did not have to queue."""


@dataclass(frozen=True, slots=True)
class SessionFailed:
    """The session ended because something broke; other sessions go on."""

    type: ClassVar[str] = "session.failed"
    time: float
    error: JamflowError


Event = (
    SpeechStarted
    | WordSpoken
    | SpeechFinished
    | SpeechInterrupted
    | StateChanged
    | UserStarted
    | UserStopped
    | Underrun
    | Metrics
    | SessionFailed
)
EVENT_TYPES: frozenset[str] = frozenset(kind.type for kind in get_args(Event))
