"""Text → phonemes, and which word each belongs to."""

from __future__ import annotations

import pytest
from hibari import Hibari
from hypothesis import given, settings
from hypothesis import strategies as st

from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.phonemes import (
    PUNCTUATION,
    SILENCE,
    VOCABULARY_SIZE,
    Phonemizer,
    symbol_ids,
    vocabulary,
)
from jamflow_rt.text.script import Script

PHONEMIZER = Phonemizer()


@pytest.fixture
def phonemizer() -> Phonemizer:
    return PHONEMIZER


def spoken(script: Script) -> dict[str, str]:
    return {word.text: script.spoken(word) for word in script.words}


def check(script: Script) -> None:
    """Words are in order and hold every sound."""
    assert all(word.end > word.start for word in script.words)
    ends = [word.end for word in script.words]
    assert all(b.start >= a for a, b in zip(ends, script.words[1:], strict=False))
    inside = {k for word in script.words for k in range(word.start, word.end)}
    outside = {script.phonemes[k] for k in set(range(len(script.phonemes))) - inside}
    assert outside <= PUNCTUATION | {SILENCE}
    for word in script.words:
        assert script.phonemes[word.start] not in PUNCTUATION
        assert script.phonemes[word.end - 1] not in PUNCTUATION


TEXTS = [
    "It costs $5.20 today, not £3 million.",
    "We met at 10:30 a.m. on Jan. 5, 2024.",
    "On 2024-03-05 at 7:30 pm, 1,250 people paid $9.99 each for 5 kg.",
    "Dr. Smith lives on Main St. near St. Paul, e.g. in the U.S.A., vs. the FBI.",
    "The well-known O'Brien's rock 'n' roll “quoted” ‘words’ don’t, can't.",
    "Wait... what? Well…then. Yes—no — and so – on; (an aside): end!",
    "See https://example.com/a-b?x=1 or mail foo@bar.com NOW, NASA says.",
    "It's 20°C & 50% off, x² + y² = z², call 555-123-4567, ½ or 3/4.",
    "Chapter IV of Louis XIV in the 1990s and '90s, 5–10 or 5 - 10 times.",
    'He said "Hi." Then left. “Go.” (Now.) He went.\nA new line\n\nA paragraph.',
    "café naïve résumé São Zoë fiancée",
    "**Bold** and *that*, foo_bar, [a link](http://example.com), # heading, a | b.",
    "I have read it; I will read it. The record will record live lives.",
]


@pytest.mark.parametrize("text", TEXTS)
def test_phonemes_are_those_of_the_reader_for_the_whole_text(text: str) -> None:
    script = PHONEMIZER(text)
    reader = Hibari.__new__(Hibari)  # without its voice
    reader._g2p = PHONEMIZER._readers[False]
    assert script.phonemes == SILENCE.join(reader.phonemize(text))
    check(script)


@pytest.mark.parametrize("text", TEXTS)
def test_every_visible_word_is_there_in_its_spelling(text: str) -> None:
    assert " ".join(word.text for word in PHONEMIZER(text).words).replace("— ", "—") == " ".join(
        text.split()
    ).replace("— ", "—")


@pytest.mark.parametrize(
    ("text", "word", "sound"),
    [
        ("It costs $5.20 now.", "$5.20", "fˈIv dˈɑləɹz ænd twˈɛnti sˈɛnts"),
        ("At 10:30 a.m. we go.", "10:30", "tˈɛn θˈɜɹTi"),
        ("At 10:30 a.m. we go.", "a.m.", "ˌAˈɛm"),
        ("Dr. Smith", "Dr.", "dˈɑktəɹ"),
        ("Main St. near St. Paul.", "Paul.", "pˈɔl"),
        ("See it on 4 July 2024.", "4", "ðə fˈɔɹθ ʌv"),
        ("5 km/h now", "km/h", "kəlˈɑməTəɹz pɜɹ ˈWəɹ"),
        ("Only $ 5 left", "$ 5", "fˈIv dˈɑləɹz"),
        ("Yes — no", "Yes —", "jˈɛs"),
        ("Hello 😀, there", "Hello ,", "həlˈO"),
        ("1" * 20 + " is big", "big", "bˈɪɡ"),
    ],
)
def test_words_have_their_reading(text: str, word: str, sound: str) -> None:
    script = PHONEMIZER(text)
    check(script)
    assert spoken(script)[word] == sound


def test_words_are_read_as_in_america_or_in_britain(phonemizer: Phonemizer) -> None:
    american = phonemizer("I can't park the car.").phonemes
    british = phonemizer("I can't park the car.", british=True).phonemes
    assert "kˈæn" in american and "kˈɑːn" in british
    assert "ɹ" in american[-5:] and "ɹ" not in british[-5:]


def test_readings_depend_on_context(phonemizer: Phonemizer) -> None:
    past, future = phonemizer("I have read it."), phonemizer("I will read it.")
    assert spoken(past)["read"] != spoken(future)["read"]


def test_sentences_are_parted_by_silence(phonemizer: Phonemizer) -> None:
    script = phonemizer("One. Two! Dr. Three?")
    assert script.phonemes.count(SILENCE) == 2
    assert script.text == "One. Two! Dr. Three?"


def test_very_long_sentences_are_cut_at_clause_marks(phonemizer: Phonemizer) -> None:
    text = "it was a rather long and winding road, " * 40
    script = phonemizer(text)
    parts = script.phonemes.split(SILENCE)
    assert len(parts) > 1
    assert max(map(len, parts)) <= 400
    assert all(part.endswith(",") for part in parts)
    assert len(script.words) == len(text.split())


@pytest.mark.parametrize("text", ["", " \n", "😀", "...", "—", '"!"', "\u200b", "\x00"])
def test_nothing_to_say(phonemizer: Phonemizer, text: str) -> None:
    with pytest.raises(InvalidInput, match="nothing to say"):
        phonemizer(text)


def test_other_scripts_are_refused(phonemizer: Phonemizer) -> None:
    with pytest.raises(InvalidInput, match="П р и в е т"):
        phonemizer("Hello, Привет")


def test_a_long_text_without_a_sentence_end(phonemizer: Phonemizer) -> None:
    script = phonemizer("one two 3 km, " * 1500)
    assert len(script.words) == 4 * 1500


@settings(max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            "the cat $5.20 10:30 a.m. Dr. Smith St. 4 July 1,000 kg & — - ... ok. No! e.g. 50 % $ "
            "it's \"so\" (well) x=1 2/3 5-6 VIII #1 @me a_b 1e9 '90s".split()
        ),
        max_size=14,
    ).map(" ".join)
)
def test_any_mixture_keeps_its_words(text: str) -> None:
    try:
        script = PHONEMIZER(text)
    except InvalidInput:
        assert not any(part.isalnum() for part in text)
        return
    check(script)
    assert " ".join(word.text for word in script.words) == text


@settings(max_examples=150)
@given(st.text(st.characters(codec="latin-1"), max_size=60))
def test_any_latin_text_is_read_or_invalid(text: str) -> None:
    try:
        script = PHONEMIZER(text)
    except InvalidInput:
        return
    check(script)
    assert symbol_ids(script.phonemes)


def test_ids() -> None:
    assert symbol_ids(SILENCE + "a") == [0, vocabulary()["a"]]
    assert max(vocabulary().values()) < VOCABULARY_SIZE
    with pytest.raises(InvalidInput, match="漢"):
        symbol_ids("a漢")
