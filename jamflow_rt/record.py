"""Frames of a session → an MP4 or a WAV file."""

from __future__ import annotations

import errno
import os
import wave
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from jamflow_rt.beats import MOTION_RATE, SAMPLE_RATE
from jamflow_rt.errors import Failed, InvalidInput, JamflowError
from jamflow_rt.stream.media import Frame

Kind = Literal["mp4", "wav"]
FAST_START = {"movflags": "+faststart"}
"""Options of an MP4 that can be played before it is there whole."""

_WRONG_PLACE = {
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


def file_kind(path: Path) -> Kind:
    """What kind of file `path` asks for by its extension.

    Raises:
        InvalidInput: the extension is none we write.
    """
    match path.suffix.lower():
        case ".mp4":
            return "mp4"
        case ".wav":
            return "wav"
    raise InvalidInput(
        f"Cannot write {path.name!r}: the extension {path.suffix!r} is not known. "
        "Use .mp4 (face and voice) or .wav (voice only)."
    )


def record(frames: Iterable[Frame], path: Path) -> float:
    """Write frames to `path`: H.264 and AAC for .mp4, 16-bit mono 24 kHz for .wav.

    The file appears under its name only when it is complete; an existing one is replaced then.

    Args:
        frames: consecutive frames of one session; .mp4 needs their pictures.
        path: where to; the extension decides the format.

    Returns:
        The length of the recording in seconds.

    Raises:
        InvalidInput: unknown extension, no place to write to, no frames, frames without pictures.
        Failed: the disk is full, or the encoder broke.
    """
    kind = file_kind(path)
    count = 0
    with complete_or_nothing(path) as partial:
        writer: _Writer = _Mp4(partial) if kind == "mp4" else _Wav(partial)
        with writer:
            for frame in frames:
                writer.write(frame)
                count += 1
            if not count:
                raise InvalidInput("There is nothing to record: no frame came.")
    return count / MOTION_RATE


def write_wav(sound: NDArray[np.float32], path: Path) -> None:
    """Write mono sound (N,) at 24 kHz as 16-bit WAV. Raises as `record` does."""
    with complete_or_nothing(path) as partial, _Wav(partial) as file:
        file.append(sound)


@contextmanager
def complete_or_nothing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` that takes its place on success and vanishes on failure."""
    if path.is_dir():
        raise InvalidInput(f"Cannot write {path}: it is a directory.")
    partial = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        # Ask the file system before anything is encoded.
        partial.touch()
        yield partial
        partial.replace(path)
    except JamflowError:
        raise
    except (OSError, av.FFmpegError) as error:
        reason = error.strerror or str(error)
        if error.errno in _WRONG_PLACE:
            raise InvalidInput(
                f"Cannot write {path}: {reason}. Give a place that can be written to."
            ) from error
        raise Failed(f"Writing {path} failed: {reason}.") from error
    finally:
        partial.unlink(missing_ok=True)


def add_sound(container: OutputContainer) -> av.AudioStream:
    """A stream for mono sound at 24 kHz: AAC."""
    stream = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
    stream.bit_rate = 96_000
    return stream


def sound_frame(sound: NDArray[np.float32], start: int) -> av.AudioFrame:
    """Sound (N,) at 24 kHz for such a stream, from sample `start` on."""
    frame = av.AudioFrame.from_ndarray(_pcm16(sound)[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts = SAMPLE_RATE, start
    frame.time_base = Fraction(1, SAMPLE_RATE)
    return frame


class _Writer(Protocol):
    def __enter__(self) -> object: ...

    def __exit__(self, kind: object, error: object, trace: object) -> None: ...

    def write(self, frame: Frame) -> None: ...


class _Wav:
    def __init__(self, path: Path) -> None:
        self._file = wave.open(str(path), "wb")
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(SAMPLE_RATE)

    def __enter__(self) -> _Wav:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._file.close()

    def write(self, frame: Frame) -> None:
        self.append(frame.sound)

    def append(self, sound: NDArray[np.float32]) -> None:
        self._file.writeframes(_pcm16(sound).astype("<i2").tobytes())


class _Mp4:
    def __init__(self, path: Path) -> None:
        self._container = av.open(str(path), "w", format="mp4", options=FAST_START)
        self._video = self._container.add_stream("libx264", rate=MOTION_RATE)
        self._video.pix_fmt = "yuv420p"
        self._video.options = {"crf": "18", "preset": "medium"}
        # Said in the file, so that no player has to guess the colours from the size.
        self._video.codec_context.colorspace = Colorspace.ITU709
        self._video.codec_context.color_range = ColorRange.MPEG
        self._video.codec_context.time_base = Fraction(1, MOTION_RATE)
        self._audio = add_sound(self._container)
        self._frames = 0
        self._samples = 0

    def __enter__(self) -> _Mp4:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            # The file is thrown away; what closing it complains about would hide the real error.
            with suppress(OSError, av.FFmpegError):
                self._container.close()
            return
        if self._frames:
            self._container.mux(self._video.encode(None))
            self._container.mux(self._audio.encode(None))
        self._container.close()

    def write(self, frame: Frame) -> None:
        if frame.picture is None:
            raise InvalidInput("A frame has no picture. Record .wav, or render pictures.")
        if not self._frames:
            height, width = frame.picture.shape[:2]
            if width % 2 or height % 2:
                raise InvalidInput(f"H.264 wants even picture sizes, not {width}x{height}.")
            self._video.width, self._video.height = width, height
        picture = av.VideoFrame.from_ndarray(frame.picture, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709
        )
        picture.pts, picture.time_base = self._frames, Fraction(1, MOTION_RATE)
        self._container.mux(self._video.encode(picture))
        self._frames += 1
        self._container.mux(self._audio.encode(sound_frame(frame.sound, self._samples)))
        self._samples += len(frame.sound)


def _pcm16(sound: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.round(np.clip(sound, -1.0, 1.0) * 32767.0).astype(np.int16)
