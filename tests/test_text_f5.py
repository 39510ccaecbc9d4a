"""F5-TTS's vocabulary and how it reads a text; test_parity_f5_text holds it to the package."""

import builtins
from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.text.f5 import CharacterVocabulary, read_characters


def test_a_vocabulary_numbers_its_lines_from_one(tmp_path: Path) -> None:
    file = tmp_path / "vocab.txt"
    for end in ("", "\n"):
        file.write_text(" \n!\na\nb\nni3" + end, "utf-8")
        vocabulary = CharacterVocabulary.load(file)
        assert len(vocabulary) == 5
        # What is unknown is read as the space.
        ids = vocabulary.ids("ab!Ω a")
        assert ids.dtype == np.int32
        assert ids.tolist() == [3, 4, 2, 1, 1, 3]
        assert vocabulary.ids("").shape == (0,)


def test_what_is_no_vocabulary_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "vocab.txt"
    file.write_text("a\nb\n", "utf-8")
    with pytest.raises(InvalidInput, match=r"vocab\.txt.*one space"):
        CharacterVocabulary.load(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match=r"vocab\.txt cannot be read"):
        CharacterVocabulary.load(file)
    with pytest.raises(InvalidInput, match=r"none\.txt"):
        CharacterVocabulary.load(tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Hello, world.", "Hello, world."),
        ("I don't; “really” care", 'I don\'t, "really" care'),
        ("one,two (three)", "one, two ( three)"),
        ("well-known 3.14% 1,000", "well-known 3.14% 1, 000"),
        ("naïve café", "naï ve café"),
    ],
)
def test_latin_text_is_read_letter_by_letter(text: str, read: str) -> None:
    assert read_characters(text) == list(read)


def test_chinese_is_read_as_syllables_with_tones() -> None:
    pytest.importorskip("rjieba")
    pytest.importorskip("pypinyin")
    assert read_characters("我说Hello，你好。") == [
        *(" ", "wo3", " ", "shuo1", " ", *"Hello", "，", " ", "ni2", " ", "hao3", "。"),
    ]


def test_chinese_without_its_packages_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name == "rjieba":
            raise ImportError(name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NotSupported, match=r"jamflow-rt\[pinyin\]"):
        CharacterVocabulary([" ", "a"]).ids("你好")
    assert read_characters("Hello—there") == list("Hello— there")
