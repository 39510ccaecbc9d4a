from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.evaluate.words import (
    ErrorCount,
    cardinal,
    character_errors,
    edit_distance,
    normalise,
    word_errors,
)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("", "", 0),
        ("abc", "", 3),
        ("", "abc", 3),
        ("kitten", "sitting", 3),
        ("flaw", "lawn", 2),
        ("abcdef", "azced", 3),
    ],
)
def test_known_distances(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == distance


words = st.lists(st.sampled_from("abc"), max_size=8)


@given(words, words, words)
def test_the_distance_is_a_metric(a: list[str], b: list[str], c: list[str]) -> None:
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ('"Only wait for you," said one girl.', "only wait for you said one girl"),
        ("Don't stop the well-known Café!", "dont stop the well known cafe"),
        ("Don\u2019t.", "dont"),
        ("Mr. Smith & Dr. Who, OK?", "mister smith and doctor who okay"),
        ("colour color", "colour color"),
        ("12 men, 1,204 ships", "twelve men one thousand two hundred four ships"),
        (
            "in 1984, 2024 or 2005",
            "in nineteen eighty four twenty twenty four or two thousand five",
        ),
        ("the 1990s", "the nineteen nineties"),
        ("the 21st, 12th, 30th and 3rd", "the twenty first twelfth thirtieth and third"),
        ("$5.20, $1 and 50%", "five dollars twenty one dollar and fifty percent"),
        ("3.14 at 10:30, 5:05, 6:00", "three point one four at ten thirty five o five six"),
        ("1900 1,900", "nineteen hundred one thousand nine hundred"),
        ("  ... ", ""),
    ],
)
def test_numbers_and_signs_become_what_is_said(text: str, spoken: str) -> None:
    assert " ".join(normalise(text)) == spoken


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "zero"),
        (19, "nineteen"),
        (70, "seventy"),
        (101, "one hundred one"),
        (1_000_000, "one million"),
        (2_300_045, "two million three hundred thousand forty five"),
        (10**15, "one" + " zero" * 15),
    ],
)
def test_cardinals(number: int, name: str) -> None:
    assert cardinal(number) == name


def test_word_errors_count_each_kind_of_edit() -> None:
    assert word_errors("The cat sat down.", "the cat sat down") == ErrorCount(0, 4)
    assert word_errors("The cat sat down.", "the hat sat down") == ErrorCount(1, 4)
    assert word_errors("The cat sat down.", "the cat down") == ErrorCount(1, 4)
    assert word_errors("The cat sat down.", "oh the cat sat right down") == ErrorCount(2, 4)
    assert word_errors("ten men", "10 men") == ErrorCount(0, 2)


def test_character_errors_are_milder_than_word_errors() -> None:
    assert character_errors("The cat", "the hat") == ErrorCount(1, 7)


def test_a_corpus_rate_weighs_sentences_by_their_length() -> None:
    total = word_errors("a b c d", "a b c d") + word_errors("e f", "e x")
    assert total == ErrorCount(1, 6)
    assert total.rate == pytest.approx(1 / 6)


def test_rates_of_empty_references_are_defined() -> None:
    assert word_errors("...", "").rate == 0.0
    assert word_errors("...", "hello").rate == 1.0
