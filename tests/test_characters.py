"""What may stand in a text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.characters import speakable, word_spans, written_words


def shown(text: str) -> list[str]:
    return [word.display for word in written_words(text)]


def read(text: str) -> list[str]:
    return [word.spoken for word in written_words(text)]


def test_white_space_parts_words() -> None:
    assert shown("  one\ttwo\u00a0three\n four ") == ["one", "two", "three", "four"]


def test_glue_tells_line_ends() -> None:
    assert [word.glue for word in written_words("a b\nc—d")] == ["", " ", "\n", ""]


def test_a_dash_parts_words_and_stays_with_the_first() -> None:
    assert shown("yes—no") == ["yes—", "no"]
    assert shown("he said—“no”") == ["he", "said—", "“no”"]
    assert shown("wait—") == ["wait—"]


@pytest.mark.parametrize(
    "text",
    [
        "Hi 😀 there",
        "Hi👍there",
        "👨‍👩‍👧 Hi there",
        "Hi there 🇺🇸",
        "Hi 👋🏽 there",
        "Hi ❤️ there",
        "Hi \U000e0041there",
    ],
)
def test_emoji_are_dropped(text: str) -> None:
    assert shown(text) == ["Hi", "there"]


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("ﬁrst", "first"),
        ("Ｆｕｌｌ", "Full"),
        ("𝐁old", "Bold"),
        ("⅓", "1/3"),
        ("①", "1"),
        ("ʼtis", "'tis"),
        ("«so»", "“so”"),
        ("−5", "-5"),
        ("Nguyễn", "Nguyen"),
        ("soft\u00adhyphen", "softhyphen"),
        ("café", "café"),
        ("cafe\u0301", "café"),
    ],
)
def test_what_is_read_for_other_signs(text: str, reading: str) -> None:
    assert read(text) == [reading]


def test_original_spelling_is_kept() -> None:
    assert shown("«ﬁrst» Nguyễn’s") == ["«ﬁrst»", "Nguyễn’s"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Привет", ["П", "р", "Cyrillic"]),
        ("I say 漢字.", ["漢", "字", "Cjk"]),
        ("مرحبا", ["م", "Arabic"]),
        ("π", ["π", "Greek"]),
        ("नमस्ते", ["न", "Devanagari"]),
        ("٣", ["٣", "Arabic"]),
    ],
)
def test_other_scripts_are_named(text: str, names: list[str]) -> None:
    with pytest.raises(InvalidInput) as error:
        written_words(text)
    for name in names:
        assert name in str(error.value)


def test_many_foreign_letters_make_no_endless_message() -> None:
    with pytest.raises(InvalidInput) as error:
        written_words("".join(map(chr, range(0x4E00, 0x5E00))))
    assert len(str(error.value)) < 300


def test_endless_numbers_are_read_digit_by_digit() -> None:
    assert read("1" * 20) == [" ".join("1" * 20)]
    assert shown("1" * 20) == ["1" * 20]
    assert read("1,234,567") == ["1,234,567"]


@pytest.mark.parametrize(("text", "answer"), [("a", True), ("5", True), ("€", False), ("…", False)])
def test_speakable(text: str, answer: bool) -> None:
    assert speakable(text) is answer


@given(st.text(st.characters(codec="ascii"), max_size=200))
def test_ascii_loses_nothing_but_control_characters(text: str) -> None:
    printable = "".join(c for c in text if c.isprintable() and not c.isspace())
    assert "".join(shown(text)) == printable


@given(st.text(max_size=60))
def test_any_text_is_words_or_invalid_input(text: str) -> None:
    try:
        words = written_words(text)
    except InvalidInput:
        return
    assert all(word.display.strip() for word in words)
    letters = {c for c in unicodedata.normalize("NFC", text) if c.isalpha() and ord(c) < 0x250}
    assert letters <= set("".join(word.display for word in words))


@given(st.text(st.sampled_from('ab—"”( .,'), max_size=40))
def test_word_spans_cover_everything_but_white_space(text: str) -> None:
    spans = word_spans(text)
    assert "".join(text[a:b] for a, b in spans) == "".join(text.split())
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))
