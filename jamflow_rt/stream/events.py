"""What a session tells its listeners. Plain data: how it travels is the business of serve/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jamflow_rt.errors import JamflowError
from jamflow_rt.stream.media import Playback

State = Literal["idle", "speaking"]


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The first frame of a speech left the session."""

    speech_id: str
    time: float
    """Seconds on the session's media clock."""


@dataclass(frozen=True, slots=True)
class WordSpoken:
    """A word begins in the frame that just left; times in seconds from the speech's first sound."""

    speech_id: str
    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SpeechFinished:
    """A speech was heard to its end."""

    speech_id: str
    playback: Playback


@dataclass(frozen=True, slots=True)
class SpeechInterrupted:
    """A speech ended before its end: interrupted, its session closed, or it failed."""

    speech_id: str
    playback: Playback
    error: Exception | None = None
    """Why, when something went wrong; None for an ordinary interruption."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The session went from one state to another."""

    state: State


@dataclass(frozen=True, slots=True)
class Underrun:
    """A frame was due and none was ready: the face is held and silent until generation is back.

    Nothing is lost: what was to be said follows later. Sent once a gap.
    """

    time: float
    speech_id: str | None


@dataclass(frozen=True, slots=True)
class SessionFailed:
    """The session ended because something broke; other sessions go on."""

    error: JamflowError


Event = (
    SpeechStarted
    | WordSpoken
    | SpeechFinished
    | SpeechInterrupted
    | StateChanged
    | Underrun
    | SessionFailed
)
