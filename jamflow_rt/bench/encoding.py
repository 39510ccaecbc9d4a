"""Frames to VP8 and Opus, as a viewer's connection does it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.serve.encoder import (
    PACKET_SAMPLES,
    TICKS_PER_PICTURE,
    SoundEncoder,
    VideoEncoder,
)
from jamflow_rt.serve.resample import Doubler


class FrameEncoder:
    """Encodes the frames of one session for one viewer, and throws the packets away."""

    def __init__(self) -> None:
        self._video = VideoEncoder()
        self._sound = SoundEncoder()
        self._doubler = Doubler()
        self._pictures = 0
        self._packets = 0

    async def __call__(self, picture: NDArray[np.uint8], sound: NDArray[np.float32]) -> None:
        """Encode one picture and its (960,) samples."""
        await self._video.encode(picture, self._pictures * TICKS_PER_PICTURE)
        self._pictures += 1
        pcm = np.round(np.clip(self._doubler.push(sound), -1, 1) * 32767).astype(np.int16)
        for block in pcm.reshape(-1, PACKET_SAMPLES):
            self._sound.encode(block, self._packets * PACKET_SAMPLES)
            self._packets += 1

    def close(self) -> None:
        """Let the encoder's thread end."""
        self._video.close()
