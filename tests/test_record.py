from __future__ import annotations

import resource
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from jamflow_rt.beats import SAMPLE_RATE, SAMPLES_PER_MOTION
from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import Failed, InvalidInput
from jamflow_rt.record import SYNTHETIC, file_kind, record, write_wav
from jamflow_rt.sound_file import read_sound
from jamflow_rt.stream.media import Frame

FACE = FaceState(
    np.zeros((478, 3), np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32), 1.0
)


def frames(
    count: int, *, pictures: bool = True, size: int = 64, flash: int | None = None
) -> Iterator[Frame]:
    """Grey frames with silence; frame `flash` is white and holds a 1 kHz tone."""
    time = np.arange(SAMPLES_PER_MOTION) / SAMPLE_RATE
    for index in range(count):
        bright = index == flash
        yield Frame(
            time=index / 25,
            picture=np.full((size, size, 3), 255 if bright else 40, np.uint8) if pictures else None,
            sound=(0.5 * np.sin(2 * np.pi * 1000 * time) * bright).astype(np.float32),
            motion=FACE,
            speech_id="s",
            epoch=0,
        )


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def decoded(path: Path) -> tuple[list[av.VideoFrame], np.ndarray]:
    with av.open(str(path)) as container:
        pictures = list(container.decode(video=0))
    with av.open(str(path)) as container:
        sound = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return pictures, np.concatenate(sound)


def test_mp4_holds_the_agreed_codecs_and_lengths(tmp_path: Path) -> None:
    path = tmp_path / "face.mp4"
    assert record(frames(50), path) == 2.0
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.codec_context.name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"
        assert (video.width, video.height) == (64, 64)
        assert video.average_rate == 25
        assert video.frames == 50
        assert audio.codec_context.name == "aac"
        assert audio.codec_context.sample_rate == SAMPLE_RATE
        assert audio.codec_context.layout.name == "mono"
        assert video.duration is not None and audio.duration is not None
        assert float(video.duration * video.time_base) == pytest.approx(2.0)
        # AAC works in blocks of 1024 samples.
        assert float(audio.duration * audio.time_base) == pytest.approx(2.0, abs=1024 / 24000)
        assert float(video.start_time * video.time_base) == 0.0
        assert float(audio.start_time * audio.time_base) == 0.0
    assert leftovers(tmp_path) == ["face.mp4"]


def test_mp4_can_be_played_before_it_is_there_whole(tmp_path: Path) -> None:
    path = tmp_path / "face.mp4"
    record(frames(5), path)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_mp4_keeps_sound_and_picture_together(tmp_path: Path) -> None:
    path = tmp_path / "face.mp4"
    record(frames(50, flash=30), path)
    pictures, _ = decoded(path)
    bright = [f.time for f in pictures if f.to_ndarray(format="gray").mean() > 150]
    assert bright == [pytest.approx(1.2)]
    loud = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray()[0]
            above = np.flatnonzero(np.abs(samples) > 0.2)
            loud += [frame.time + above[0] / SAMPLE_RATE] if len(above) else []
    assert loud[0] == pytest.approx(1.2, abs=0.005)


def test_mp4_keeps_colours(tmp_path: Path) -> None:
    path = tmp_path / "face.mp4"
    colour = np.array([200, 60, 40], np.uint8)
    red = [
        Frame(f.time, np.broadcast_to(colour, (64, 64, 3)).copy(), f.sound, FACE, "s", 0)
        for f in frames(5)
    ]
    record(red, path)
    pictures, _ = decoded(path)
    shown = pictures[2].to_ndarray(format="rgb24")[32, 32].astype(int)
    assert np.abs(shown - colour).max() <= 4


def test_wav_holds_the_samples(tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    assert record(frames(25, pictures=False, flash=3), path) == 1.0
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24000)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767
    expected = np.concatenate([f.sound for f in frames(25, flash=3)])
    np.testing.assert_allclose(samples, expected, atol=1 / 32767)


def test_wav_clips_instead_of_wrapping_around(tmp_path: Path) -> None:
    loud = Frame(0.0, None, np.full(960, 3.0, np.float32), FACE, "s", 0)
    record([loud], tmp_path / "voice.wav")
    with wave.open(str(tmp_path / "voice.wav")) as file:
        assert set(np.frombuffer(file.readframes(960), "<i2")) == {32767}


@pytest.mark.parametrize("name", ["face.avi", "face", "face.mp3"])
def test_an_unknown_extension_lists_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"\.mp4.*\.wav"):
        file_kind(Path(name))


def test_the_extension_may_be_in_capitals() -> None:
    assert file_kind(Path("FACE.MP4")) == "mp4"


def test_a_place_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere.*No such file or directory"):
        record(frames(1), tmp_path / "nowhere" / "face.mp4")


def test_a_directory_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "face.mp4").mkdir()
    with pytest.raises(InvalidInput, match="directory"):
        record(frames(1), tmp_path / "face.mp4")


@pytest.mark.parametrize("name", ["face.mp4", "voice.wav"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"precious")

    def breaking() -> Iterator[Frame]:
        yield from frames(10)
        raise RuntimeError("generation broke")

    with pytest.raises(RuntimeError, match="generation broke"):
        record(breaking(), path)
    assert leftovers(tmp_path) == [name]
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["face.mp4", "voice.wav"])
def test_a_full_disk_is_a_clear_error(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0)
    noisy = [
        Frame(f.time, noise.integers(0, 255, (64, 64, 3), np.uint8), f.sound, FACE, "s", 0)
        for f in frames(100)
    ]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(Failed, match=f"{name} failed"):
            record(noisy, tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert leftovers(tmp_path) == []


def test_frames_without_pictures_make_no_mp4(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no picture"):
        record(frames(3, pictures=False), tmp_path / "face.mp4")
    assert leftovers(tmp_path) == []


def test_no_frames_make_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing to record"):
        record([], tmp_path / "voice.wav")
    assert leftovers(tmp_path) == []


def test_an_odd_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="even"):
        record(frames(1, size=63), tmp_path / "face.mp4")


def test_mp4_says_that_it_is_synthetic(tmp_path: Path) -> None:
    path = tmp_path / "face.mp4"
    record(frames(5), path)
    with av.open(str(path)) as container:
        assert container.metadata["comment"] == SYNTHETIC
    assert "AI-generated" in SYNTHETIC and "synthetic=true" in SYNTHETIC


def chunks(data: bytes) -> dict[bytes, bytes]:
    """The chunks of a RIFF file; each must begin where the one before it ends."""
    assert data[:4] == b"RIFF" and data[8:12] == b"WAVE"
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    return _chunks(data[12:])


def _chunks(data: bytes) -> dict[bytes, bytes]:
    found = {}
    while data:
        size = struct.unpack("<I", data[4:8])[0]
        assert 8 + size + size % 2 <= len(data)
        found[data[:4]] = data[8 : 8 + size]
        data = data[8 + size + size % 2 :]
    return found


@pytest.mark.parametrize("samples", [0, 1, 959, 960])
def test_wav_says_that_it_is_synthetic_and_stays_a_wav(tmp_path: Path, samples: int) -> None:
    path = tmp_path / "voice.wav"
    sound = np.linspace(-0.5, 0.5, samples, dtype=np.float32)
    write_wav(sound, path)
    found = chunks(path.read_bytes())
    assert list(found) == [b"fmt ", b"data", b"LIST"]
    assert found[b"LIST"][:4] == b"INFO"
    texts = _chunks(found[b"LIST"][4:])
    assert texts == {b"ICMT": SYNTHETIC.encode() + b"\0", b"ISFT": b"jamflow_rt\0"}
    assert len(found[b"data"]) == 2 * samples
    with wave.open(str(path)) as file:
        assert file.getnframes() == samples
        assert file.readframes(samples) == found[b"data"]
    if samples:
        np.testing.assert_allclose(read_sound(path), sound, atol=1 / 32767)
        with av.open(str(path)) as container:
            assert container.metadata["comment"] == SYNTHETIC
