from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.evaluate.words import ErrorCount, character_errors, normalise, word_errors


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ('"Only wait for you," said one girl.', "only wait for you said one girl"),
        ("The epoch lasted two hundred years.", "the epoch lasted 200 years"),
        ("Everybody's here; I don't know why.", "everybody is here i do not know why"),
        ("Mr. Smith's colour", "mister smith's color"),
        ("the white-lace girl", "The white lace girl"),
        (" ?! ", ""),
    ],
)
def test_ways_of_writing_the_same_words_are_equal(written: str, heard: str) -> None:
    assert normalise(written) == normalise(heard)


def test_word_errors_count_each_kind_of_edit() -> None:
    assert word_errors("The cat sat down.", "the cat sat down") == ErrorCount(0, 4)
    assert word_errors("The cat sat down.", "the hat sat down") == ErrorCount(1, 4)
    assert word_errors("The cat sat down.", "the cat down") == ErrorCount(1, 4)
    assert word_errors("The cat sat down.", "oh the cat sat right down") == ErrorCount(2, 4)
    assert word_errors("ten men", "10 men") == ErrorCount(0, 2)


@given(st.lists(st.sampled_from(["cat", "dog", "owl"]), min_size=1, max_size=8))
def test_hearing_nothing_misses_every_word(words: list[str]) -> None:
    assert word_errors(" ".join(words), "") == ErrorCount(len(words), len(words))


def test_character_errors_are_milder_than_word_errors() -> None:
    assert character_errors("The cat", "the hat") == ErrorCount(1, 7)


def test_a_corpus_rate_weighs_sentences_by_their_length() -> None:
    total = word_errors("big cats do sleep", "big cats do sleep")
    total += word_errors("dogs bark", "dogs run")
    assert total == ErrorCount(1, 6)
    assert total.rate == pytest.approx(1 / 6)


def test_rates_of_empty_references_are_defined() -> None:
    assert word_errors("?!", "").rate == 0.0
    assert word_errors("?!", "hello").rate == 1.0
    assert character_errors("?!", "hello") == ErrorCount(5, 0)
