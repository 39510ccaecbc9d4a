"""Media in binary messages of a WebSocket: a header of 16 bytes, then sound, picture or motion.

All numbers are big-endian, as in network protocols; only samples of sound are little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.arkit import ARKIT_NAMES
from jamflow_rt.errors import InvalidInput

Floats = NDArray[np.float32]

HEADER: Final = struct.Struct(">BBHIQ")
"""kind, flags, reserved, epoch, time."""

_SIZE: Final = struct.Struct(">H")
_HALF: Final = np.dtype(">f2")
_MOST_LATENTS: Final = 0xFFFF
_LARGEST_HALF: Final = float(np.finfo(np.float16).max)


class MediaKind(IntEnum):
    """What a frame carries."""

    VIDEO = 1
    """One VP8 frame."""
    AUDIO = 2
    """One Opus packet: 20 ms, one channel, 48 kHz."""
    MOTION = 3
    """A `MotionPayload`, 25 a second."""
    INPUT_AUDIO = 4
    """From the client: signed 16-bit little-endian samples at its `input_sample_rate`."""


@dataclass(frozen=True, slots=True)
class MediaFrame:
    """One binary message."""

    kind: MediaKind
    epoch: int
    """Counts interrupts: what is of an older epoch is not played. Of no meaning from clients."""
    time: int
    """Microseconds on the session's media clock. Of no meaning from clients."""
    payload: bytes
    flag: bool = False
    """Bit 0 of the flags. VIDEO: a key frame, which needs none before it. INPUT_AUDIO: the user's
    microphone, to be heard; without it the sound drives the face. The other bits are free."""

    def pack(self) -> bytes:
        """The message.

        Raises:
            InvalidInput: epoch or time do not fit into their fields.
        """
        try:
            header = HEADER.pack(self.kind, self.flag, 0, self.epoch, self.time)
        except struct.error as error:
            raise InvalidInput(
                f"A frame's epoch has 32 bits and its time 64, both from 0 on; not {self.epoch} "
                f"and {self.time}."
            ) from error
        return header + self.payload

    @classmethod
    def unpack(cls, message: bytes) -> MediaFrame:
        """Read a message.

        Raises:
            InvalidInput: it is too short for a header, or the header makes no sense.
        """
        if len(message) < HEADER.size:
            raise InvalidInput(
                f"A media frame has a header of {HEADER.size} bytes; this has {len(message)}."
            )
        kind, flags, reserved, epoch, time = HEADER.unpack_from(message)
        if reserved:
            raise InvalidInput(f"The reserved bytes of a media frame are 0, not {reserved}.")
        try:
            known = MediaKind(kind)
        except ValueError as error:
            kinds = ", ".join(f"{each.value} {each.name}" for each in MediaKind)
            raise InvalidInput(f"There is no media kind {kind}; there are {kinds}.") from error
        return cls(known, epoch, time, bytes(message[HEADER.size :]), bool(flags & 1))


@dataclass(frozen=True, slots=True, eq=False)
class MotionPayload:
    """One frame of motion: D as 16 bits, D half floats, 52 bytes."""

    latents: Floats
    """(D,) of the motion space, as `MotionSpace.encode_faces` gives them."""
    arkit: Floats
    """(52,) coefficients 0…1 in the order of `ARKIT_NAMES`."""

    def pack(self) -> bytes:
        """The payload of a MOTION frame; latents beyond ±65504 are cut off there.

        Raises:
            InvalidInput: another shape, or numbers that are not finite.
        """
        if self.latents.ndim != 1 or len(self.latents) > _MOST_LATENTS:
            raise InvalidInput(
                f"Motion latents are (D,), D at most {_MOST_LATENTS}; not {self.latents.shape}."
            )
        if self.arkit.shape != (len(ARKIT_NAMES),):
            raise InvalidInput(
                f"ARKit coefficients are ({len(ARKIT_NAMES)},), not {self.arkit.shape}."
            )
        if not (np.isfinite(self.latents).all() and np.isfinite(self.arkit).all()):
            raise InvalidInput("The motion holds NaN or infinite numbers.")
        halves = np.clip(self.latents, -_LARGEST_HALF, _LARGEST_HALF).astype(_HALF)
        octets = np.round(np.clip(self.arkit, 0.0, 1.0) * 255).astype(np.uint8)
        return _SIZE.pack(len(halves)) + halves.tobytes() + octets.tobytes()

    @classmethod
    def unpack(cls, payload: bytes) -> MotionPayload:
        """Read the payload of a MOTION frame.

        Raises:
            InvalidInput: its length does not agree with its D, or a number is not finite.
        """
        size = _SIZE.unpack_from(payload)[0] if len(payload) >= _SIZE.size else 0
        start = _SIZE.size + size * _HALF.itemsize
        if len(payload) != start + len(ARKIT_NAMES):
            raise InvalidInput(
                f"A MOTION payload of D = {size} has {start + len(ARKIT_NAMES)} bytes, "
                f"not {len(payload)}."
            )
        halves = np.frombuffer(payload, _HALF, count=size, offset=_SIZE.size)
        if not np.isfinite(halves).all():
            raise InvalidInput("The motion holds NaN or infinite numbers.")
        octets = np.frombuffer(payload, np.uint8, offset=start)
        return cls(halves.astype(np.float32), octets.astype(np.float32) / np.float32(255))
