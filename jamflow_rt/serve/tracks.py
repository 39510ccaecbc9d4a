"""The two tracks of a viewer, fed from one place with one clock.

aiortc tells the browser which sound and picture belong together by the time it *sends* them, not
by their timestamps. So both tracks hold what they are given until the same instant: a frame's
picture and the first half of its sound leave together, the second half 20 ms later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.serve.encoder import PACKET_SAMPLES, TICKS_PER_PICTURE, SoundEncoder, VideoEncoder
from jamflow_rt.serve.resample import Doubler
from jamflow_rt.stream.media import Frame

PACKET_SECONDS: Final = 0.02
MAX_LEAD: Final = 0.025
"""The longest that sound waits for its picture to be encoded, in seconds."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """Something to send: when (event loop's clock), its time on the RTP clock, its epoch."""

    item: T
    due: float
    pts: int
    epoch: int


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
        # A session that was held up gives up to a second at once, and none of it shall be lost.
        self.lane: Lane[NDArray[np.int16]] = Lane(limit=50)
        self._doubler = Doubler()
        self._encoder = SoundEncoder()

    def push(self, frame: Frame, due: float) -> None:
        """Queue the two packets of a frame's sound; the first leaves at `due`."""
        doubled = self._doubler.push(frame.sound)
        pcm = np.round(np.clip(doubled, -1.0, 1.0) * 32767.0).astype(np.int16)
        start = round(frame.time * MOTION_RATE) * 2
        for half in range(2):
            self.lane.put(
                Timed(
                    pcm[half * PACKET_SAMPLES : (half + 1) * PACKET_SAMPLES],
                    due + half * PACKET_SECONDS,
                    (start + half) * PACKET_SAMPLES,
                    frame.epoch,
                )
            )

    async def recv(self) -> av.Packet[AudioStream]:
        """The next packet, encoded, when it is due (aiortc's interface)."""
        timed = await self.lane.get_due()
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
        self.lane: Lane[NDArray[np.uint8]] = Lane(limit=2)
        self._keyframe = True

    def push(self, frame: Frame, due: float) -> None:
        """Queue a frame's picture, to leave at `due`."""
        if frame.picture is not None:
            pts = round(frame.time * MOTION_RATE) * TICKS_PER_PICTURE
            self.lane.put(Timed(frame.picture, due, pts, frame.epoch))

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
                return packet

    def stop(self) -> None:
        """End the track and its encoder (aiortc's interface)."""
        self.lane.close()
        self._encoder.close()
        super().stop()


class Feed:
    """Hands each frame of a session to both tracks, due at the same instant."""

    def __init__(
        self,
        sound: SoundTrack,
        picture: PictureTrack,
        delay: Callable[[], float],
    ) -> None:
        self._sound = sound
        self._picture = picture
        # How long encoding takes now; sound waits as long, so that both leave together.
        self._delay = delay

    def push(self, frame: Frame) -> None:
        """Queue a frame that is due now."""
        due = asyncio.get_running_loop().time() + min(self._delay() * 1.25, MAX_LEAD)
        self._sound.push(frame, due)
        self._picture.push(frame, due)
