"""The playout: shots that wait for their time, the one clock, and epochs."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE, SAMPLES_PER_MOTION
from jamflow_rt.codec.arkit import ArkitMap
from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.keypoints import KeypointTrack
from jamflow_rt.render.renderer import Renderer
from jamflow_rt.stream.clock import MediaClock
from jamflow_rt.stream.job import Shot
from jamflow_rt.stream.manner import Manner
from jamflow_rt.stream.media import Frame

Picture = NDArray[np.uint8]

FADE_SAMPLES = SAMPLE_RATE * 15 // 1000
"""An interrupted sound goes to zero within 15 ms."""
BRIDGE_SAMPLES = SAMPLE_RATE * 8 // 1000
"""Around an underrun the sound comes to rest and starts again within 8 ms."""

LATE_PICTURE = 0.08
"""Seconds after which a frame leaves without a picture of its own."""


def _ramp(samples: int, rising: bool) -> NDArray[np.float32]:
    """(960,) half a cosine within `samples`, then constant."""
    turn = np.minimum(np.arange(SAMPLES_PER_MOTION) / samples, 1.0)
    falling = 0.5 + 0.5 * np.cos(np.pi * turn)
    return np.asarray(1 - falling if rising else falling, np.float32)


class Painter:
    """Draws pictures with one renderer in worker threads, one at a time.

    Args:
        renderer: used by nobody else.
        executor: where to draw.
        track: what of its face's motion is given; None where all of it is generated.
    """

    def __init__(
        self, renderer: Renderer, executor: Executor, track: KeypointTrack | None = None
    ) -> None:
        self.track = track
        self._renderer = renderer
        self._executor = executor
        self._lock = threading.Lock()
        self._started = 0

    @property
    def busy(self) -> bool:
        """True while something that was started is not finished."""
        return self._started > 0

    def start(self, face: FaceState) -> asyncio.Future[Picture]:
        """Begin to draw a face."""
        self._started += 1
        future = asyncio.get_running_loop().run_in_executor(self._executor, self.paint, face)
        future.add_done_callback(self._finished)
        return future

    def _finished(self, _future: asyncio.Future[Picture]) -> None:
        self._started -= 1

    def paint(self, face: FaceState) -> Picture:
        """Draw a face here and now: (H, W, 3) RGB."""
        with self._lock:
            return self._renderer.render(face)


@dataclass(eq=False, slots=True)
class _Slot:
    shot: Shot
    face: FaceState | None = None
    """The shot's face with the session's manner, once it is next."""
    picture: asyncio.Future[Picture] | None = None


class Playout:
    """Shots in the order they will leave, each drawn just before its time.

    Args:
        clock: says when a frame is due.
        painter: draws the pictures; without one, frames have none.
        face: the face at rest; shown while there is nothing else.
    """

    def __init__(self, clock: MediaClock, painter: Painter | None, face: FaceState) -> None:
        self.clock = clock
        self.manner = Manner()
        self.epoch = 0
        """Counts interrupts."""
        self._painter = painter
        self._slots: deque[_Slot] = deque()
        # What was shown and heard last, to go on from when nothing is there.
        self._face = face
        self._arkit_map = ArkitMap(face.landmarks)
        self._picture: Picture | None = None
        self._last_sample = 0.0
        # True while frames are held because none is ready.
        self._starved = False

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def draws(self) -> bool:
        """True when frames have pictures."""
        return self._painter is not None

    @property
    def next_shot(self) -> Shot | None:
        """The shot that leaves next."""
        return self._slots[0].shot if self._slots else None

    def push(self, shots: Iterable[Shot]) -> None:
        """Append shots."""
        self._slots.extend(_Slot(shot) for shot in shots)

    def drop_from(self, index: int) -> None:
        """Take back the shots from `index` on."""
        while self._slots and self._slots[-1].shot.index >= index:
            self._slots.pop()

    def hush(self) -> None:
        """Start a new epoch: the next frame's sound fades out, after it there is silence.

        The faces stay: they move on without a sound until others take their place.
        """
        self.epoch += 1
        silence = np.zeros(SAMPLES_PER_MOTION, np.float32)
        for position, slot in enumerate(self._slots):
            sound = slot.shot.sound * _ramp(FADE_SAMPLES, False) if position == 0 else silence
            slot.shot = replace(slot.shot, sound=sound, speech_id=None)

    def paint_with(self, painter: Painter) -> None:
        """Draw all further pictures with another painter; needs one from the beginning."""
        self._painter = painter
        for slot in self._slots:
            slot.picture = None

    def clear(self) -> None:
        """Forget everything."""
        self._slots.clear()
        self._painter = None

    async def wait(self) -> Picture | None:
        """Wait until the next frame is due and drawn. `take` then gives it, without waiting.

        When drawing cannot keep up, the last picture stands in, so that the sound can.
        """
        self._draw_ahead()
        await self.clock.wait()
        while self._slots and self._painter is not None:
            slot = self._slots[0]
            if slot.picture is None or not slot.picture.done():
                if self._picture is not None and self.clock.late > LATE_PICTURE:
                    return self._picture
            if slot.picture is None:
                slot.picture = self._painter.start(self._posed(slot))
            drawing = slot.picture
            picture = await asyncio.shield(drawing)
            if self._slots and self._slots[0] is slot and slot.picture is drawing:
                return picture
        return None

    def take(self, picture: Picture | None) -> tuple[Frame, bool]:
        """Let the next frame leave.

        Args:
            picture: what `wait` returned.

        Returns:
            The frame, and True when it is the first one held because none was ready.
        """
        starving = False
        if self._slots:
            slot = self._slots.popleft()
            sound, speech_id = slot.shot.sound, slot.shot.speech_id
            self._face, self._picture = self._posed(slot), picture
            if self._starved:
                sound = sound * _ramp(BRIDGE_SAMPLES, True)
            self._starved = False
        else:
            starving, self._starved = not self._starved, True
            sound = self._last_sample * _ramp(BRIDGE_SAMPLES, False)
            speech_id = None
        self._last_sample = float(sound[-1])
        frame = Frame(
            time=self.clock.tick(),
            picture=self._picture,
            sound=sound,
            motion=self._face,
            speech_id=speech_id,
            epoch=self.epoch,
            arkit_map=self._arkit_map,
        )
        self._draw_ahead()
        return frame, starving

    def _draw_ahead(self) -> None:
        """Begin the next frame's picture, if there is time to draw it."""
        if self._painter is None or self._painter.busy or self.clock.late > LATE_PICTURE:
            return
        if self._slots:
            slot = self._slots[0]
            if slot.picture is None:
                slot.picture = self._painter.start(self._posed(slot))

    def _posed(self, slot: _Slot) -> FaceState:
        """The face of the next slot; the manner moves on by one frame for each."""
        if slot.face is None:
            slot.face = self.manner.pose(slot.shot.face)
        return slot.face
