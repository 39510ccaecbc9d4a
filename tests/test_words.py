"""Written words ↔ words after normalisation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.text.words import align_words

READINGS = {
    "10:30": "ten thirty",
    "a.m.": "A.M.",
    "km": "kilometers",
    "St.": "Street.",
    "4": "4",
    "½": "one half",
}


def shares(written: str, normal: str) -> list[str]:
    after = normal.split()
    ranges = align_words(written.split(), after, lambda word: READINGS.get(word, word))
    assert [a for a, _ in ranges[1:]] == [b for _, b in ranges[:-1]]
    assert not ranges or (ranges[0][0] == 0 and ranges[-1][1] == len(after))
    return [" ".join(after[a:b]) for a, b in ranges]


@pytest.mark.parametrize(
    ("written", "normal", "expected"),
    [
        ("one two three", "one two three", ["one", "two", "three"]),
        ("at 10:30 a.m. we", "at ten thirty A.M. we", ["at", "ten thirty", "A.M.", "we"]),
        ("Main St. near St. Paul", "Main Street near Saint Paul",
         ["Main", "Street", "near", "Saint", "Paul"]),
        ("on 4 July we", "on the fourth of July we", ["on", "the fourth of", "July", "we"]),
        ("run 5 km 5 km", "run 5 kilometers 5 kilometers",
         ["run", "5", "kilometers", "5", "kilometers"]),
        ("so ™ it is", "so it is", ["so", "", "it", "is"]),
        ("so it is", "so well it is", ["so", "well it", "is"]),
        ("", "", []),
    ],
)  # fmt: skip
def test_readings_go_to_their_words(written: str, normal: str, expected: list[str]) -> None:
    assert shares(written, normal) == expected


@given(
    st.lists(st.sampled_from(["a", "b", "10:30", "km", "½", "4"]), max_size=40).map(" ".join),
)
def test_every_word_gets_its_own_reading(written: str) -> None:
    normal = " ".join(READINGS.get(word, word) for word in written.split())
    assert shares(written, normal) == [READINGS.get(word, word) for word in written.split()]


@given(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=60),
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=60),
)
def test_any_two_texts_are_shared_out_whole(written: list[str], normal: list[str]) -> None:
    shares(" ".join(written), " ".join(normal))


def test_long_texts_do_not_take_long() -> None:
    assert len(shares("x km " * 20_000, "x kilometers " * 20_000)) == 40_000
