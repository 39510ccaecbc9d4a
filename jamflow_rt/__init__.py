"""A face and its voice from one flow-matching model, streamed in real time.

from jamflow_rt import Avatar

avatar = Avatar.load()
async with avatar.session() as session:
    speech = session.say("Hello.")
    async for frame in session:
        ...
"""

from importlib import import_module
from typing import TYPE_CHECKING

from jamflow_rt.errors import (
    Failed,
    InvalidInput,
    JamflowError,
    NotAuthorized,
    NotSupported,
    Overloaded,
)

if TYPE_CHECKING:
    from jamflow_rt.avatar import Avatar
    from jamflow_rt.client import RemoteSession, connect
    from jamflow_rt.codec.face import FaceState
    from jamflow_rt.stream.media import Frame, Playback, SpokenPhoneme, SpokenWord
    from jamflow_rt.stream.reference import Reference
    from jamflow_rt.stream.session import Session
    from jamflow_rt.stream.speech import Speech

__all__ = [
    "Avatar",
    "FaceState",
    "Failed",
    "Frame",
    "InvalidInput",
    "JamflowError",
    "NotAuthorized",
    "NotSupported",
    "Overloaded",
    "Playback",
    "Reference",
    "RemoteSession",
    "Session",
    "Speech",
    "SpokenPhoneme",
    "SpokenWord",
    "connect",
]

# Imported when they are first asked for: torch takes seconds, and a client needs none of it.
_HOMES = {
    "Avatar": "jamflow_rt.avatar",
    "FaceState": "jamflow_rt.codec.face",
    "Frame": "jamflow_rt.stream.media",
    "Playback": "jamflow_rt.stream.media",
    "Reference": "jamflow_rt.stream.reference",
    "RemoteSession": "jamflow_rt.client",
    "Session": "jamflow_rt.stream.session",
    "Speech": "jamflow_rt.stream.speech",
    "SpokenPhoneme": "jamflow_rt.stream.media",
    "SpokenWord": "jamflow_rt.stream.media",
    "connect": "jamflow_rt.client",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
