"""Media of the socket, put together to frames as a local session gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.codec.face import FaceState
from jamflow_rt.protocol import MediaFrame, MediaKind
from jamflow_rt.stream.media import SpokenPhoneme, SpokenWord

FRAME_MICROSECONDS: Final = 1_000_000 // MOTION_RATE
"""40 000: what a frame lasts as the header counts time."""


@dataclass(frozen=True, slots=True)
class RemoteFrame:
    """40 ms of a remote session, like `jamflow_rt.stream.media.Frame`."""

    time: float
    """Seconds on the session's media clock at which the frame starts."""
    picture: NDArray[np.uint8] | None
    """(H, W, 3) RGB; None unless media is `video`."""
    sound: NDArray[np.float32]
    """(960,) samples at 24 kHz, −1…1."""
    motion: FaceState | None
    """None unless media is `motion` and the server tells its motion space."""
    speech_id: str | None
    """The speech that sounds in this frame; None while idle."""
    epoch: int
    """Counts interrupts: frames of an older epoch are never shown."""
    words: tuple[SpokenWord, ...] = ()
    """Words that begin in this frame."""
    phonemes: tuple[SpokenPhoneme, ...] = ()
    """Phonemes that begin in this frame."""
    latents: NDArray[np.float32] | None = field(default=None, repr=False)
    """(D,) what `motion` was decoded from."""
    arkit: dict[str, float] = field(default_factory=dict, repr=False)
    """The 52 ARKit coefficients by name; empty unless media is `motion`."""


@dataclass(slots=True)
class Parts:
    """What came of one frame."""

    index: int
    """Its number on the media clock."""
    epoch: int
    seen: MediaFrame | None = None
    """VIDEO or MOTION."""
    sounds: list[bytes | None] = field(default_factory=lambda: [None, None])
    """Two packets of 20 ms."""

    @property
    def time(self) -> float:
        """Seconds on the media clock."""
        return self.index / MOTION_RATE


class Assembler:
    """Finds what belongs together. The server sends a frame's sight first, then its two sounds.

    What it left out stays empty; such a frame is complete when the next one begins.
    """

    def __init__(self) -> None:
        self._parts: Parts | None = None
        # The last frame that was given out: what is not after it is too late.
        self._last = -1
        self.epoch = 0
        """The newest epoch that was seen; what is older is forgotten."""

    def push(self, media: MediaFrame) -> list[Parts]:
        """Take media in; returns the frames that are complete with it."""
        index = media.time // FRAME_MICROSECONDS
        if media.epoch < self.epoch or index <= self._last:
            return []
        if media.epoch > self.epoch:
            self.epoch, self._parts = media.epoch, None
        complete = []
        if self._parts is not None and index < self._parts.index:
            return []
        if self._parts is not None and index > self._parts.index:
            complete.append(self._give())
        if self._parts is None:
            self._parts = Parts(index, media.epoch)
        if media.kind is MediaKind.AUDIO:
            half = int(media.time % FRAME_MICROSECONDS >= FRAME_MICROSECONDS // 2)
            self._parts.sounds[half] = media.payload
            if half:
                complete.append(self._give())
        elif media.kind is not MediaKind.INPUT_AUDIO:
            self._parts.seen = media
        return complete

    def _give(self) -> Parts:
        assert self._parts is not None
        parts, self._parts = self._parts, None
        self._last = parts.index
        return parts
