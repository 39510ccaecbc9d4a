from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.sound_file import read_sound


def write_wav(path: Path, sound: np.ndarray, rate: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            (sound * 32767).astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def sine(rate: int, frequency: float, seconds: float = 1.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)


def test_sound_of_another_rate_comes_at_24_khz(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", sine(44100, 440), 44100)
    sound = read_sound(tmp_path / "a.wav")
    assert sound.dtype == np.float32
    assert len(sound) == pytest.approx(24000, abs=50)
    assert np.argmax(np.abs(np.fft.rfft(sound[:24000], 24000))) == 440
    assert np.abs(sound).max() == pytest.approx(0.5, abs=0.02)


def test_a_file_that_is_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("hello")
    with pytest.raises(InvalidInput, match=r"a\.wav cannot be read as sound"):
        read_sound(tmp_path / "a.wav")
    with pytest.raises(InvalidInput, match=r"b\.wav"):
        read_sound(tmp_path / "b.wav")


def write_with_pictures(path: Path, sound: np.ndarray | None, begin: float) -> None:
    """Two seconds of pictures, and sound at 24 kHz that begins so many seconds after them."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=25)
        pictures.width = pictures.height = 32
        stream = container.add_stream("pcm_s16le", rate=24000, layout="mono")
        for index in range(50):
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            picture.pts, picture.time_base = index + 25, Fraction(1, 25)
            container.mux(pictures.encode(picture))
        container.mux(pictures.encode(None))
        if sound is not None:
            block = (sound * 32767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.time_base = 24000, Fraction(1, 24000)
            frame.pts = round((1 + begin) * 24000)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


@pytest.mark.parametrize("begin", [0.25, 0.0, -0.25])
def test_the_sound_of_a_video_begins_with_its_pictures(tmp_path: Path, begin: float) -> None:
    spoken = sine(24000, 440)
    write_with_pictures(tmp_path / "a.mkv", spoken, begin)
    sound, shift = read_sound(tmp_path / "a.mkv"), round(begin * 24000)
    expected = np.pad(spoken, (shift, 0)) if shift > 0 else spoken[-shift:]
    np.testing.assert_allclose(sound, expected, atol=1e-3)


def test_sound_without_a_sample_or_far_from_its_pictures_is_refused(tmp_path: Path) -> None:
    write_with_pictures(tmp_path / "hollow.mkv", None, 0.0)
    with pytest.raises(InvalidInput, match="hollow.mkv holds no sound"):
        read_sound(tmp_path / "hollow.mkv")
    write_with_pictures(tmp_path / "far.mkv", sine(24000, 440), 100.0)
    with pytest.raises(InvalidInput, match="far.mkv: sound and pictures begin 100 s apart"):
        read_sound(tmp_path / "far.mkv")
