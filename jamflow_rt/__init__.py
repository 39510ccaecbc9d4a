"""A face and its voice from one flow-matching model, streamed in real time.

from jamflow_rt import Avatar

avatar = Avatar.load()
async with avatar.session() as session:
    speech = session.say("Hello.")
    async for frame in session:
        ...
"""

from jamflow_rt.avatar import Avatar
from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import Failed, InvalidInput, JamflowError, NotSupported, Overloaded
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
    "NotSupported",
    "Overloaded",
    "Playback",
    "Reference",
    "Session",
    "Speech",
    "SpokenPhoneme",
    "SpokenWord",
]
