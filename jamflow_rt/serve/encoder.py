"""Pictures to VP8 and sound to Opus, cheaply.

aiortc would encode for us, but on the executor all tracks share, with settings meant for cameras
(a denoiser; for H.264 x264's `medium` preset), and it rebuilds the encoder, with a new key frame,
whenever the receiver's bandwidth estimate moves by a tenth. Sound it sends as stereo, and its
time stamps falter where time jumps. A track may hand it packets instead.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE, SAMPLE_RATE

VIDEO_CLOCK: Final = 90_000
TICKS_PER_PICTURE: Final = VIDEO_CLOCK // MOTION_RATE
"""3600: what a picture lasts on RTP's video clock."""
VIDEO_TIME_BASE: Final = Fraction(1, VIDEO_CLOCK)

QUALITY: Final = 14
"""VP8's constant quality, 4 (best) … 63. With 14 the portrait shows no blocks."""
SOUND_CLOCK: Final = 2 * SAMPLE_RATE
PACKET_SAMPLES: Final = SOUND_CLOCK // 50
"""960: 20 ms at 48 kHz, one Opus packet."""
SOUND_TIME_BASE: Final = Fraction(1, SOUND_CLOCK)


class SoundEncoder:
    """An Opus encoder for one viewer. A packet takes about 0.2 ms, too little for a thread."""

    def __init__(self, bitrate: int = 64_000) -> None:
        codec = av.CodecContext.create("libopus", "w")
        assert isinstance(codec, AudioCodecContext)
        codec.format = av.AudioFormat("s16")
        codec.layout = av.AudioLayout("mono")
        codec.sample_rate = SOUND_CLOCK
        codec.time_base = SOUND_TIME_BASE
        codec.bit_rate = bitrate
        codec.options = {"application": "audio"}
        self._codec = codec

    def encode(self, pcm: NDArray[np.int16], pts: int) -> av.Packet[AudioStream]:
        """Encode (960,) samples at 48 kHz; `pts` counts 1/48 000 s."""
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = SOUND_CLOCK
        frame.pts = pts
        frame.time_base = SOUND_TIME_BASE
        (packet,) = self._codec.encode(frame)
        # The encoder counts from before its look-ahead, and smooths over jumps of time.
        packet.pts = packet.dts = pts
        packet.time_base = SOUND_TIME_BASE
        return packet


class VideoEncoder:
    """A VP8 encoder for one viewer. `encode` is awaited by one task at a time.

    Args:
        bitrate: bits a second at most; quality is constant below it.
    """

    def __init__(self, bitrate: int = 2_000_000) -> None:
        self._bitrate = bitrate
        # Kept, because it remembers its tables: a new one for each picture costs four times more.
        self._colours = VideoReformatter()
        self._codec: VideoCodecContext | None = None
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jamflow-encode")
        self._closed = False

    async def encode(
        self, picture: NDArray[np.uint8], pts: int, keyframe: bool = False
    ) -> av.Packet[VideoStream] | None:
        """Encode one (H, W, 3) RGB picture; `pts` counts 1/90 000 s. None: no packet came of it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._encode, picture, pts, keyframe)

    def close(self) -> None:
        """Let the thread end, and with it the codec; a picture in work is finished first."""
        if not self._closed:
            self._closed = True
            # Its megabytes and threads shall not wait for the garbage collector.
            self._threads.submit(self._forget)
            self._threads.shutdown(wait=False)

    def _forget(self) -> None:
        self._codec = None
        self._colours = VideoReformatter()

    def _encode(
        self, picture: NDArray[np.uint8], pts: int, keyframe: bool
    ) -> av.Packet[VideoStream] | None:
        # VP8 with 4:2:0 colour wants even sides.
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        codec = self._codec
        if codec is None or (codec.width, codec.height) != (width, height):
            codec = self._codec = _open(width, height, self._bitrate)
        even = np.ascontiguousarray(picture[:height, :width])
        shown = av.VideoFrame.from_ndarray(even, format="rgb24")
        # On this thread: left to itself it starts one for each core, for half a millisecond's work.
        frame = self._colours.reformat(shown, format="yuv420p", threads=1)
        frame.pts = pts
        frame.time_base = VIDEO_TIME_BASE
        if keyframe:
            frame.pict_type = PictureType.I
        packets = codec.encode(frame)
        return packets[0] if packets else None


def _open(width: int, height: int, bitrate: int) -> VideoCodecContext:
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height = width, height
    codec.pix_fmt = "yuv420p"
    codec.time_base = VIDEO_TIME_BASE
    codec.framerate = Fraction(MOTION_RATE)
    codec.bit_rate = bitrate
    # Key frames come when a viewer asks for one (PLI); this is only a backstop.
    codec.gop_size = MOTION_RATE * 60
    codec.qmin, codec.qmax = 4, 52
    codec.thread_count = 1
    codec.options = {
        "deadline": "realtime",
        "cpu-used": "-8",
        "lag-in-frames": "0",
        # Constant quality below the bit rate: a face that idles needs a quarter of it.
        "crf": str(QUALITY),
        "maxrate": str(bitrate),
        "bufsize": str(bitrate),
        "static-thresh": "1",
    }
    return codec
