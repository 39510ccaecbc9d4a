"""The two tracks of a viewer, fed from one place with one clock.

A frame's sound leaves at once, its second half 20 ms later. Its picture has PICTURE_LAG to be
encoded and leaves then, not before: however long encoding takes, pictures come evenly. Browsers
hold sound longer than pictures (packets wait to be mixed, loudspeakers have buffers) and would hold
the pictures themselves otherwise, less exactly: Chromium stops within 30 ms of what is right.

Browsers learn which sound belongs to which picture from sender reports, where aiortc writes when it
really *sent* a packet. A picture leaves later than its sound, and a busy machine sends late. So
each track remembers when its last packet was to leave by the media clock (`planned`), for the
reports to say that instead.

After a stall the media clock goes on where it was (jamflow_rt.stream.clock). RTP's time leaps over
the stall then: to receivers it is a gap. If all that follows came late instead, they would buffer
that much, and let go of it over minutes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE, SAMPLE_RATE
from jamflow_rt.serve.encoder import (
    PACKET_SAMPLES,
    SOUND_CLOCK,
    TICKS_PER_PICTURE,
    SoundEncoder,
    VideoEncoder,
)
from jamflow_rt.serve.resample import DELAY, Doubler
from jamflow_rt.stream.media import Frame

PACKET_SECONDS: Final = 0.02
PACKETS_PER_PICTURE: Final = 2
PICTURE_LAG: Final = 0.032
"""Seconds from a sound's leaving to its picture's. Without it, headless Chromium plays sound
25 ms after pictures sent together with it, and real loudspeakers later still."""
OPUS_DELAY: Final = 312
"""Samples at 48 kHz that Opus looks ahead (RFC 6716, section 2.1: 6.5 ms); decoders in browsers
play them as silence first."""
STALL: Final = 1.1
"""Seconds: the media clock makes up for what it lets go up to a second late, and for no more."""
SOUND_DELAY: Final = DELAY / SAMPLE_RATE + OPUS_DELAY / SOUND_CLOCK
"""7.2 ms: by so much decoded sound is late behind the time stamps of its packets; the planned time
of pictures allows for it."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """Something to send."""

    item: T
    due: float
    """When it leaves, on the event loop's clock."""
    pts: int
    """Its time on the RTP clock."""
    epoch: int
    planned: float = 0.0
    """When it would leave if this machine were never late; by the media clock."""


class Lane(Generic[T]):
    """A short queue that never holds back its writer: the oldest, and old epochs, fall out."""

    def __init__(self, limit: int) -> None:
        self._queue: deque[Timed[T]] = deque()
        self._limit = limit
        self._wake = asyncio.Event()
        self._closed = False
        self.dropped = 0
        """Items that fell out unsent."""

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, timed: Timed[T]) -> None:
        """Add at the end. What is of an older epoch, or too much, falls out."""
        if self._closed:
            return
        while self._queue and (
            self._queue[0].epoch < timed.epoch or len(self._queue) >= self._limit
        ):
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(timed)
        self._wake.set()

    async def get(self) -> Timed[T]:
        """The next item, without waiting for its time. Raises MediaStreamError once closed."""
        while not self._queue:
            if self._closed:
                raise MediaStreamError
            self._wake.clear()
            await self._wake.wait()
        return self._queue.popleft()

    async def get_due(self) -> Timed[T]:
        """The next item, at its time. What an interrupt drops meanwhile is never returned."""
        while True:
            timed = await self.get()
            self._queue.appendleft(timed)
            wait = timed.due - asyncio.get_running_loop().time()
            if wait > 0:
                await asyncio.sleep(wait)
            if self._closed:
                raise MediaStreamError
            if self._queue and self._queue[0] is timed:
                return self._queue.popleft()

    def close(self) -> None:
        """Forget everything; whoever waits gets MediaStreamError."""
        self._closed = True
        self._queue.clear()
        self._wake.set()


class SoundTrack(MediaStreamTrack):
    """Encoded sound in packets of 20 ms."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.planned: float | None = None
        """The `Timed.planned` of the last packet that was taken; None before the first."""
        # A session that was held up gives up to a second at once, and none of it shall be lost.
        self.lane: Lane[NDArray[np.int16]] = Lane(limit=50)
        self._doubler = Doubler()
        self._encoder = SoundEncoder()

    def push(self, frame: Frame, due: float, planned: float = 0.0, skipped: int = 0) -> None:
        """Queue the two packets of a frame's sound; the first leaves at `due`.

        Args:
            frame: with its time on the media clock.
            due: on the event loop's clock.
            planned: as in `Timed`.
            skipped: packets that stalls left out; RTP's time is ahead of the media clock by these.
        """
        doubled = self._doubler.push(frame.sound)
        pcm = np.round(np.clip(doubled, -1.0, 1.0) * 32767.0).astype(np.int16)
        start = round(frame.time * MOTION_RATE) * PACKETS_PER_PICTURE + skipped
        for half in range(PACKETS_PER_PICTURE):
            self.lane.put(
                Timed(
                    pcm[half * PACKET_SAMPLES : (half + 1) * PACKET_SAMPLES],
                    due + half * PACKET_SECONDS,
                    (start + half) * PACKET_SAMPLES,
                    frame.epoch,
                    planned + half * PACKET_SECONDS,
                )
            )

    async def recv(self) -> av.Packet[AudioStream]:
        """The next packet, encoded, when it is due (aiortc's interface)."""
        timed = await self.lane.get_due()
        self.planned = timed.planned
        return self._encoder.encode(timed.item, timed.pts)

    def stop(self) -> None:
        """End the track (aiortc's interface)."""
        self.lane.close()
        super().stop()


class PictureTrack(MediaStreamTrack):
    """Encoded pictures, 25 a second."""

    kind = "video"

    def __init__(self, encoder: VideoEncoder) -> None:
        super().__init__()
        self._encoder = encoder
        self.planned: float | None = None
        """The `Timed.planned` of the last packet that was taken; None before the first."""
        self.lane: Lane[NDArray[np.uint8]] = Lane(limit=2)
        self._keyframe = True

    def push(self, frame: Frame, due: float, planned: float = 0.0, skipped: int = 0) -> None:
        """Queue a frame's picture, to leave at `due`; the arguments are those of the sound."""
        if frame.picture is not None:
            packets = round(frame.time * MOTION_RATE) * PACKETS_PER_PICTURE + skipped
            pts = packets * TICKS_PER_PICTURE // PACKETS_PER_PICTURE
            self.lane.put(Timed(frame.picture, due, pts, frame.epoch, planned))

    def request_keyframe(self) -> None:
        """Make the next picture complete in itself: the viewer lost the thread."""
        self._keyframe = True

    async def recv(self) -> av.Packet[VideoStream]:
        """The next picture, encoded, when it is due (aiortc's interface)."""
        while True:
            timed = await self.lane.get()
            keyframe, self._keyframe = self._keyframe, False
            packet = await self._encoder.encode(timed.item, timed.pts, keyframe)
            wait = timed.due - asyncio.get_running_loop().time()
            if wait > 0:
                await asyncio.sleep(wait)
            if self.readyState != "live":
                raise MediaStreamError
            if packet is not None:
                self.planned = timed.planned
                return packet

    def stop(self) -> None:
        """End the track and its encoder (aiortc's interface)."""
        self.lane.close()
        self._encoder.close()
        super().stop()


class Feed:
    """Hands each frame of a session to both tracks, on one clock."""

    def __init__(self, sound: SoundTrack, picture: PictureTrack) -> None:
        self._sound = sound
        self._picture = picture
        # The event loop's time at the start of the media clock, as the first frame tells.
        self._begin: float | None = None
        # Packets that were never sent, because the media clock stood still.
        self._skipped = 0

    def push(self, frame: Frame) -> None:
        """Queue a frame that is due now."""
        now = asyncio.get_running_loop().time()
        if self._begin is None:
            self._begin = now - frame.time
        planned = self._begin + frame.time + self._skipped * PACKET_SECONDS
        if (late := now - planned) > STALL:
            skipped = round(late / PACKET_SECONDS)
            self._skipped += skipped
            planned += skipped * PACKET_SECONDS
        self._sound.push(frame, now, planned, self._skipped)
        self._picture.push(frame, now + PICTURE_LAG, planned + SOUND_DELAY, self._skipped)
