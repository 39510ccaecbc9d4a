"""ClauseSplitter: token streams → speakable pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.text.characters import speakable
from jamflow_rt.text.splitter import ClauseSplitter


def split(text: str) -> list[str]:
    splitter = ClauseSplitter()
    return splitter.feed(text) + splitter.flush()


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello there. How are you?", ["Hello there.", "How are you?"]),
        ("It is 3.14 or 1,000 at 10:30 a.m. today.", ["It is 3.14 or 1,000 at 10:30 a.m. today."]),
        ("So Dr. Smith met Mr. J. K. Jones.", ["So Dr. Smith met Mr. J. K. Jones."]),
        ("On Jan. 5 the U.S. Army won.", ["On Jan. 5 the U.S. Army won."]),
        ("See e.g. Paris, i.e. France.", ["See e.g. Paris, i.e. France."]),
        ("It came on Thursday, July 4, 2024.", ["It came on Thursday,", "July 4, 2024."]),
        ("It is 3.14. Then it ends.", ["It is 3.14.", "Then it ends."]),
        ("No. 5 is alive. No. Not now!", ["No. 5 is alive.", "No.", "Not now!"]),
        ("We left at 9 a.m. Nobody came.", ["We left at 9 a.m.", "Nobody came."]),
        ('He cried "Stop!" and ran. "Fine."', ['He cried "Stop!" and ran.', '"Fine."']),
        ("Wait... what is it?", ["Wait... what is it?"]),
        ("1. Flour and salt\n2. Sugar\n", ["1. Flour and salt", "2. Sugar"]),
        ("Great!😀 Go on 😀", ["Great!😀", "Go on 😀"]),
        ("😀 Hello! 😀", ["😀 Hello!"]),
        ("If you ask me, I would go.", ["If you ask me,", "I would go."]),
        ("Yes, I would go: now.", ["Yes, I would go:", "now."]),
        ("I think he knows it—well, maybe.", ["I think he knows it—", "well, maybe."]),
        ("We saw them – all of them.", ["We saw them – all of them."]),
        ("We saw all of them – and then left.", ["We saw all of them –", "and then left."]),
        ("Look at https://a.example/b,c?d=e.f now.", ["Look at https://a.example/b,c?d=e.f now."]),
        ("", []),
        (" \n ", []),
        ("— … —", []),
    ],
)
def test_where_it_cuts(text: str, pieces: list[str]) -> None:
    assert split(text) == pieces


def test_a_sentence_is_out_with_the_space_after_it() -> None:
    splitter = ClauseSplitter()
    assert splitter.feed("Hello there.") == []
    assert splitter.feed(" ") == ["Hello there."]


def test_an_open_question_waits_for_the_next_character() -> None:
    splitter = ClauseSplitter()
    assert splitter.feed("We left at 9 a.m. ") == []
    assert splitter.feed("N") == ["We left at 9 a.m."]
    assert splitter.flush() == ["N"]


def test_clauses_wait_until_there_are_enough_words() -> None:
    text = "Well, so, if it must be, then go."
    assert ClauseSplitter(min_words=2).feed(text + " ")[0] == "Well, so,"
    assert ClauseSplitter(min_words=9).feed(text + " ") == [text]


def test_a_run_without_marks_is_cut_before_a_connective() -> None:
    text = "one two three four five six seven eight nine ten " * 2 + "because " + "x " * 20
    pieces = split(text)
    assert pieces[1].startswith("because")
    assert all(len(piece.split()) <= 30 for piece in pieces)


def test_endless_letters_do_not_pile_up() -> None:
    splitter = ClauseSplitter()
    pieces = [piece for _ in range(100) for piece in splitter.feed("a" * 100)]
    assert sum(map(len, pieces)) >= 9_500
    assert max(map(len, pieces)) <= 400


def test_it_can_be_used_again_after_flush() -> None:
    splitter = ClauseSplitter()
    splitter.feed("One two")
    assert splitter.flush() == ["One two"]
    assert splitter.feed("Three. ") == ["Three."]
    assert splitter.flush() == []


FRAGMENTS = st.sampled_from(
    "Hello there the Dr. Smith 3.14 a.m. e.g. No. 5 Well, so; — yes—no and because said. What? "
    '"Hi!" ... 1. U.S. 😀 (ok). , . ! – - 漢字'.split()
    + [" ", "  ", "\n", " \n"]
)
TEXTS = st.one_of(
    st.lists(FRAGMENTS, max_size=80).map("".join),
    st.lists(FRAGMENTS, max_size=80).map(" ".join),
    st.text(max_size=80),
)


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(TEXTS)
def test_nothing_is_lost_and_nothing_doubled(text: str) -> None:
    whole, pieces = squeezed(text), squeezed("".join(split(text)))
    assert whole.startswith(pieces)
    assert not speakable(whole[len(pieces) :])


@given(TEXTS)
def test_every_piece_can_be_spoken(text: str) -> None:
    pieces = split(text)
    assert all(speakable(piece) and piece == piece.strip() for piece in pieces)


@given(TEXTS, st.lists(st.integers(0, 80), max_size=20))
def test_the_pieces_do_not_depend_on_the_deltas(text: str, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    splitter = ClauseSplitter()
    pieces = [p for a, b in zip(ends, ends[1:], strict=False) for p in splitter.feed(text[a:b])]
    assert pieces + splitter.flush() == split(text)


@given(st.lists(st.sampled_from(["one", "two,", "three;", "four"]), min_size=1, max_size=100))
def test_pieces_inside_a_sentence_have_enough_words(words: list[str]) -> None:
    pieces = split(" ".join(words) + ".")
    assert all(4 <= len(piece.split()) <= 30 for piece in pieces[:-1])
