"""A video's own pictures with another sound → an MP4 file, which says that it is synthetic."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE, SAMPLE_RATE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.record import (
    FAST_START,
    SYNTHETIC_SOUND,
    add_sound,
    complete_or_nothing,
    file_kind,
    sound_frame,
)

_KEPT: Final = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"})
"""Kinds of pictures that players expect in an MP4; others are encoded anew."""


class _Pictures(NamedTuple):
    """Some packets of pictures."""

    time: float
    """Seconds at which they are to be read."""
    end: float
    """Seconds at which what they show has ended."""
    packets: list[Packet[av.VideoStream]]


def record_over(video: Path, sound: NDArray[np.float32], path: Path) -> float:
    """Write a video's own pictures with new sound (N,) at 24 kHz.

    The pictures are copied as they are, unless MP4 does not usually hold their kind: then they are
    encoded as H.264. The sound gets as long as the pictures: with silence, or without its end.

    Args:
        video: whose pictures.
        sound: −1…1.
        path: the .mp4 to write; it appears when it is complete.

    Returns:
        The length of the pictures in seconds.

    Raises:
        InvalidInput: `video` cannot be read or has no pictures; `path` is no .mp4, no place to
            write to, or the video itself.
        Failed: the disk is full, or the encoder broke.
    """
    if file_kind(path) != "mp4":
        raise InvalidInput(f"Cannot write {path.name!r}: pictures need .mp4.")
    if path.exists() and video.exists() and path.samefile(video):
        raise InvalidInput(f"{path} is the video itself: give another name to write to.")
    try:
        source = av.open(str(video))
    except (OSError, av.FFmpegError) as error:
        raise InvalidInput(f"{video} cannot be read as a video: {error}.") from error
    with source, complete_or_nothing(path) as partial:
        if not source.streams.video:
            raise InvalidInput(f"{video.name} holds no video: give a file with pictures.")
        stream = source.streams.video[0]
        with av.open(str(partial), "w", format="mp4", options=FAST_START) as container:
            container.metadata["comment"] = SYNTHETIC_SOUND
            take = _copied if stream.codec_context.codec.canonical_name in _KEPT else _encoded
            return _mux(container, take(source, container), sound)


def _copied(source: InputContainer, container: OutputContainer) -> Iterator[_Pictures]:
    """The packets of a video as they are; its first picture is shown at 0."""
    stream = source.streams.video[0]
    copy = container.add_stream_from_template(stream)
    base = stream.time_base or Fraction(1, MOTION_RATE)
    start = stream.start_time or 0
    for packet in source.demux(stream):
        if packet.dts is None or packet.pts is None:
            continue  # the end of the file
        packet.pts, packet.dts, packet.stream = packet.pts - start, packet.dts - start, copy
        end = packet.pts + (packet.duration or 0)
        yield _Pictures(float(packet.dts * base), float(end * base), [packet])


def _encoded(source: InputContainer, container: OutputContainer) -> Iterator[_Pictures]:
    """The pictures of a video as H.264, at their times."""
    stream = source.streams.video[0]
    rate = stream.average_rate or Fraction(MOTION_RATE)
    video = container.add_stream("libx264", rate=rate)
    video.pix_fmt = "yuv420p"
    video.options = {"crf": "18", "preset": "medium"}
    # H.264 wants even sizes.
    video.width, video.height = stream.width // 2 * 2, stream.height // 2 * 2
    base = stream.time_base or 1 / rate
    video.codec_context.time_base = base
    first, time = 0, 0.0
    for count, frame in enumerate(source.decode(stream)):
        pts = round(count / rate / base) if frame.pts is None else frame.pts
        first = first if count else pts
        picture = frame.reformat(video.width, video.height, "yuv420p")
        picture.pts, picture.time_base = pts - first, base
        picture.pict_type = 0
        time = float((pts - first) * base)
        yield _Pictures(time, time + float(1 / rate), video.encode(picture))
    yield _Pictures(time, 0.0, video.encode(None))


def _mux(
    container: OutputContainer, pictures: Iterator[_Pictures], sound: NDArray[np.float32]
) -> float:
    """Write pictures and sound side by side; returns the pictures' length in seconds."""
    voice: av.AudioStream | None = None
    written, length = 0, 0.0
    for time, end, packets in pictures:
        # All streams must be there before the first packet, and the pictures' is by now.
        voice = voice or add_sound(container)
        container.mux(packets)
        length = max(length, end)
        written = _write(container, voice, sound, written, round(time * SAMPLE_RATE))
    if voice is not None:
        _write(container, voice, sound, written, round(length * SAMPLE_RATE))
        container.mux(voice.encode(None))
    return length


def _write(
    container: OutputContainer,
    voice: av.AudioStream,
    sound: NDArray[np.float32],
    start: int,
    end: int,
) -> int:
    """Sound from one sample to another, silence where there is none. Returns the next sample."""
    if end <= start:
        return start
    part = sound[start:end]
    part = np.concatenate([part, np.zeros(end - start - len(part), np.float32)])
    container.mux(voice.encode(sound_frame(part, start)))
    return end
