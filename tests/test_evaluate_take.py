from __future__ import annotations

from pathlib import Path

import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.take import read_sentences, takes_from_folder
from tests.test_sound_file import sine, write_wav


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
