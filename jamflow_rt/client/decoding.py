"""Opus to sound at 24 kHz, VP8 to pictures, latents to faces."""

from __future__ import annotations

import logging
from typing import Final

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLES_PER_MOTION

log = logging.getLogger(__name__)

SOUND_CLOCK: Final = 48_000
PACKET_SAMPLES: Final = SAMPLES_PER_MOTION // 2
"""480: one packet of 20 ms at 24 kHz, two to a frame."""
TAPS: Final = 32


class Halver:
    """Halves the sample rate of a stream; 2 n samples in are always n samples out.

    A Kaiser-windowed sinc: what lies above the lower rate's half would be heard as something else.
    """

    def __init__(self) -> None:
        offsets = np.arange(TAPS) - (TAPS - 1) / 2
        taps = np.sinc(offsets / 2) * np.kaiser(TAPS, 6.0)
        self._taps = (taps / taps.sum()).astype(np.float32)
        # The last samples of the chunk before.
        self._tail = np.zeros(TAPS - 1, np.float32)

    def push(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """(2 n,) samples to (n,) samples of half the rate."""
        padded = np.concatenate([self._tail, sound])
        self._tail = padded[len(padded) - (TAPS - 1) :]
        return np.correlate(padded, self._taps, "valid")[::2].astype(np.float32)


class SoundDecoder:
    """Packets of 20 ms Opus to sound at 24 kHz."""

    def __init__(self) -> None:
        codec = av.CodecContext.create("libopus", "r")
        assert isinstance(codec, AudioCodecContext)
        codec.sample_rate = SOUND_CLOCK
        codec.layout = av.AudioLayout("mono")
        self._codec = codec
        self._halver = Halver()

    def decode(self, packet: bytes | None) -> NDArray[np.float32]:
        """(480,) samples; silence for a packet that is missing or broken."""
        sound = np.zeros(2 * PACKET_SAMPLES, np.float32)
        if packet:
            try:
                for frame in self._codec.decode(av.Packet(packet)):
                    found = frame.to_ndarray()[0].astype(np.float32) / 32768
                    sound[: len(found)] = found[: len(sound)]
            except av.FFmpegError as error:
                log.warning("A packet of sound could not be decoded: %s", error)
        return self._halver.push(sound)


class PictureDecoder:
    """VP8 frames to pictures. After one that is broken, the next key frame is waited for."""

    def __init__(self) -> None:
        self._codec: VideoCodecContext | None = None

    def decode(self, packet: bytes, key_frame: bool) -> NDArray[np.uint8] | None:
        """(H, W, 3) RGB; None while there is nothing that could be shown."""
        if key_frame:
            codec = av.CodecContext.create("vp8", "r")
            assert isinstance(codec, VideoCodecContext)
            # More threads would keep pictures back.
            codec.thread_count = 1
            self._codec = codec
        if self._codec is None:
            return None
        try:
            shown = [
                frame.to_ndarray(format="rgb24") for frame in self._codec.decode(av.Packet(packet))
            ]
        except av.FFmpegError as error:
            log.warning("A picture could not be decoded: %s", error)
            self._codec = None
            return None
        return np.asarray(shown[-1], np.uint8) if shown else None
