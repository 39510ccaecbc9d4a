"""What a remote session tells besides the events of a local one (`jamflow_rt.stream.events`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from jamflow_rt.errors import JamflowError
from jamflow_rt.stream import events


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The socket was lost; the session goes on at the server while we try to come back."""

    type: ClassVar[str] = "connection.lost"
    time: float


@dataclass(frozen=True, slots=True)
class ConnectionResumed:
    """We are back at the same session."""

    type: ClassVar[str] = "connection.resumed"
    time: float


@dataclass(frozen=True, slots=True)
class Expiring:
    """The server will end the session, unless something is asked of it (`idle`), or in any case."""

    type: ClassVar[str] = "session.expiring"
    time: float
    reason: Literal["idle", "time"]
    seconds: float
    """Until then."""


@dataclass(frozen=True, slots=True)
class RemoteError:
    """The server refused something that nobody waits for, such as a piece of sound."""

    type: ClassVar[str] = "error"
    time: float
    error: JamflowError


RemoteEvent = events.Event | ConnectionLost | ConnectionResumed | Expiring | RemoteError
EVENT_TYPES: frozenset[str] = frozenset(kind.type for kind in get_args(RemoteEvent))
