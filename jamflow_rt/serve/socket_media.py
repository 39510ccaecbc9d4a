"""What waits to go over one socket, and the media of a session as binary messages.

A socket has one order for everything, and TCP sends it all in the end, however late. So what is too
much is dropped here, before it is encoded: first what is to be seen, then what is to be heard.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.codec.arkit import ARKIT_NAMES
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.protocol import MediaFrame, MediaKind, MotionPayload
from jamflow_rt.serve.encoder import (
    PACKET_SAMPLES,
    TICKS_PER_PICTURE,
    SoundEncoder,
    VideoEncoder,
)
from jamflow_rt.serve.resample import Doubler
from jamflow_rt.stream.media import Frame

MediaMode = Literal["video", "motion", "audio"]

MAX_SOUNDS: Final = 50
"""Packets of 20 ms that may wait: a second, as much as a session that was held up gives at once."""
MAX_PICTURES: Final = 3
"""Pictures that may wait. More would be old when they come, and 0.8 MB each before encoding."""
MAX_MOTIONS: Final = 12
"""Frames of motion that may wait: they are small, but half a second late is late enough."""
MAX_TEXTS: Final = 4096
"""Events that may wait. A session has about 40 a second while it speaks, so this is more than
the time that a lost client has to come back."""
KEPT_TEXTS: Final = 512
"""Events kept after they were sent: TCP does not tell what arrived before a socket was lost."""
_PACKET_SECONDS: Final = 0.02
_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Sound:
    """20 ms to be heard."""

    pcm: NDArray[np.int16]
    """(960,) samples at 48 kHz."""
    time: float
    """Seconds on the session's media clock."""
    epoch: int


@dataclass(frozen=True, slots=True)
class Sight:
    """A frame to be seen: its picture or its motion."""

    frame: Frame
    time: float
    epoch: int


Media = Sound | Sight


class Outbox:
    """What waits for the socket: events, which must arrive, and media, which may fall out.

    It never holds back its writers and never changes an order. When too much waits, the oldest
    that is to be seen falls out; when a second of sound waits, everything that is to be seen and
    the oldest sound. What belongs to an older epoch falls out when a newer one begins.

    It outlives its socket: before `resume` and after `pause` events wait and media are not taken.

    Args:
        max_sights: pictures or motions that may wait.
    """

    def __init__(self, max_sights: int = MAX_PICTURES) -> None:
        self._max_sights = max_sights
        self._queue: deque[str | Media] = deque()
        self._texts = self._sounds = self._sights = 0
        # The last events that were taken, and how many there were before them.
        self._taken: deque[str] = deque()
        self._taken_before = 0
        self._wake = asyncio.Event()
        self._open = False
        self._closed = False
        self.epoch = 0
        """The newest epoch that was put in."""
        self.dropped_sights = 0
        """Pictures or motions that fell out unsent."""
        self.dropped_sounds = 0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def overfull(self) -> bool:
        """True when more events wait than any client that reads them leaves unread."""
        return self._texts > MAX_TEXTS

    def put_text(self, text: str) -> None:
        """Add an event at the end."""
        if not self._closed:
            self._queue.append(text)
            self._texts += 1
            self._wake.set()

    def put(self, media: Media) -> None:
        """Add media at the end; what is too much falls out."""
        if media.epoch > self.epoch:
            self.epoch = media.epoch
            self._keep(item for item in self._queue if isinstance(item, str))
        if not self._open or self._closed or media.epoch < self.epoch:
            return
        self._queue.append(media)
        if isinstance(media, Sound):
            self._sounds += 1
            if self._sounds > MAX_SOUNDS:
                self._keep(item for item in self._queue if not isinstance(item, Sight))
                self._drop_first(Sound)
        else:
            self._sights += 1
            if self._sights > self._max_sights:
                self._drop_first(Sight)
        self._wake.set()

    def take(self) -> str | Media | None:
        """The next in order; None when nothing waits."""
        if not self._queue:
            return None
        item = self._queue.popleft()
        match item:
            case str():
                self._texts -= 1
                self._taken.append(item)
                if len(self._taken) > KEPT_TEXTS:
                    self._taken.popleft()
                    self._taken_before += 1
            case Sound():
                self._sounds -= 1
            case Sight():
                self._sights -= 1
        return item

    async def get(self) -> str | Media | None:
        """The next in order, once there is one; None when it was closed and all was taken."""
        while not self._queue:
            if self._closed:
                return None
            self._wake.clear()
            await self._wake.wait()
        return self.take()

    def pause(self) -> None:
        """The socket is gone: forget media, keep events."""
        self._open = False
        self._keep(item for item in self._queue if isinstance(item, str))

    def resume(self, first: str | None = None, received: int | None = None) -> None:
        """There is a socket, or another one.

        Args:
            first: an event that goes before all that wait.
            received: events that the client has got in all, if it says so: of those that were
                taken, the others go once more.
        """
        if received is not None:
            while self._taken and received < self._taken_before + len(self._taken):
                self._queue.appendleft(self._taken.pop())
                self._texts += 1
        if first is not None:
            self._queue.appendleft(first)
            self._texts += 1
        self._open = True
        self._wake.set()

    def close(self) -> None:
        """Nothing more comes; what waits of events can still be taken."""
        self.pause()
        self._closed = True
        self._wake.set()

    def _drop_first(self, kind: type[Media]) -> None:
        for place, item in enumerate(self._queue):
            if isinstance(item, kind):
                del self._queue[place]
                self._count_dropped(item)
                return

    def _keep(self, kept: Iterable[str | Media]) -> None:
        """Let fall out what is not among `kept`."""
        before = self._queue
        self._queue = deque(kept)
        stay = {id(item) for item in self._queue}
        for item in before:
            if id(item) not in stay:
                self._count_dropped(item)

    def _count_dropped(self, item: str | Media) -> None:
        if isinstance(item, Sound):
            self._sounds -= 1
            self.dropped_sounds += 1
        elif isinstance(item, Sight):
            self._sights -= 1
            self.dropped_sights += 1


class SocketFeed:
    """Hands each frame of a session to the outbox: what is seen first, then its sound.

    So a client that has a frame's second packet of sound has all of the frame.

    Args:
        outbox: takes them.
        mode: which media the client wants.
    """

    def __init__(self, outbox: Outbox, mode: MediaMode) -> None:
        self._outbox = outbox
        self._mode = mode
        self._doubler = Doubler()

    def push(self, frame: Frame) -> None:
        """Put in a frame."""
        seen = self._mode == "motion" or (self._mode == "video" and frame.picture is not None)
        if seen:
            self._outbox.put(Sight(frame, frame.time, frame.epoch))
        doubled = self._doubler.push(frame.sound)
        pcm = np.round(np.clip(doubled, -1.0, 1.0) * 32767.0).astype(np.int16)
        for half in range(2):
            part = pcm[half * PACKET_SAMPLES : (half + 1) * PACKET_SAMPLES]
            time = frame.time + half * _PACKET_SECONDS
            self._outbox.put(Sound(part, time, frame.epoch))


class Packer:
    """Encodes media and makes binary messages of them.

    Args:
        mode: which media the client wants.
        space: of the model; frames of motion are sent as its latents.
    """

    def __init__(self, mode: MediaMode, space: MotionSpace) -> None:
        self._mode = mode
        self._space = space
        self._sound = SoundEncoder()
        # Made for those who want pictures: it has a thread.
        self._video = VideoEncoder() if mode == "video" else None
        # The next picture must be complete in itself: the client lacks what it would build on.
        self._keyframe = True
        self._epoch = 0

    def refresh(self) -> None:
        """Begin anew with a complete picture: another socket, or a packet that was not sent."""
        self._keyframe = True

    async def pack(self, media: Media) -> bytes | None:
        """The message of one piece of media; None when the encoder made nothing of it."""
        match media:
            case Sound():
                frame = self._pack_sound(media)
            case Sight() if self._mode == "motion":
                frame = self._pack_motion(media)
            case Sight():
                picture = await self._pack_picture(media)
                if picture is None:
                    return None
                frame = picture
        return frame.pack()

    def close(self) -> None:
        """Let the encoder's thread end."""
        if self._video is not None:
            self._video.close()

    def _pack_sound(self, sound: Sound) -> MediaFrame:
        # The encoder counts packets; times are ours.
        packet = self._sound.encode(sound.pcm, round(sound.time * 50) * PACKET_SAMPLES)
        return _framed(MediaKind.AUDIO, sound, bytes(packet))

    def _pack_motion(self, sight: Sight) -> MediaFrame:
        latents = self._space.encode_faces([sight.frame.motion])[0]
        found = sight.frame.arkit
        arkit = np.array([found.get(name, 0.0) for name in ARKIT_NAMES], np.float32)
        return _framed(MediaKind.MOTION, sight, MotionPayload(latents, arkit).pack())

    async def _pack_picture(self, sight: Sight) -> MediaFrame | None:
        assert self._video is not None and sight.frame.picture is not None
        # A client throws away what it has of an older epoch, and its decoder with it.
        keyframe = self._keyframe or sight.epoch > self._epoch
        self._keyframe, self._epoch = False, sight.epoch
        pts = round(sight.time * MOTION_RATE) * TICKS_PER_PICTURE
        packet = await self._video.encode(sight.frame.picture, pts, keyframe)
        if packet is None:
            self._keyframe = True
            return None
        return _framed(MediaKind.VIDEO, sight, bytes(packet), packet.is_keyframe)


def _framed(kind: MediaKind, media: Media, payload: bytes, flag: bool = False) -> MediaFrame:
    return MediaFrame(kind, media.epoch, round(media.time * _MICROSECONDS), payload, flag)
