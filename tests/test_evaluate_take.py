from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.take import read_sentences, read_sound, takes_from_folder


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


def test_files_meet_sentences_in_the_order_of_names(tmp_path: Path) -> None:
    write_wav(tmp_path / "01.wav", sine(24000, 440), 24000)
    write_wav(tmp_path / "00.wav", sine(24000, 440, 0.5), 24000)
    (tmp_path / "notes.txt").write_text("no sound")
    takes = takes_from_folder(tmp_path, ["first", "second"])
    assert [take.text for take in takes] == ["first", "second"]
    assert [take.seconds for take in takes] == [0.5, 1.0]
    with pytest.raises(InvalidInput, match="2 sound files for 3 sentences"):
        takes_from_folder(tmp_path, ["first", "second", "third"])


def test_sentences_are_the_lines_that_say_something(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("One.\n\n  Two. \nThree.\n", encoding="utf-8")
    assert read_sentences(tmp_path / "s.txt") == ["One.", "Two.", "Three."]
    assert read_sentences(tmp_path / "s.txt", 2) == ["One.", "Two."]
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(InvalidInput, match="holds no sentences"):
        read_sentences(tmp_path / "empty.txt")
    with pytest.raises(InvalidInput, match=r"gone\.txt cannot be read"):
        read_sentences(tmp_path / "gone.txt")
