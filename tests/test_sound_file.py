from __future__ import annotations

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
