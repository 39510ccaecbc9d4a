from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.beats import BEAT_MEL
from jamflow_rt.config import Voice
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.written import CharacterFront, Phrase, Spoken, spread

VOICE = Voice(name="me")


class Codes:
    def ids(self, text: str) -> np.ndarray:
        return np.array([ord(character) for character in text], np.int32)

    def knows(self, character: str) -> bool:
        return not "\u0900" <= character <= "\u097f"


FRONT = CharacterFront(Codes(), lambda voice: Spoken("twenty characters!! .", 150))


@given(st.integers(0, 60), st.integers(60, 200))
def test_characters_keep_their_order_and_none_is_lost(count: int, frames: int) -> None:
    characters = np.arange(1, count + 1, dtype=np.int32)
    ids = spread(characters, frames)
    assert len(ids) == frames
    np.testing.assert_array_equal(ids[ids > 0], characters)


def test_a_text_takes_as_long_as_at_the_pace_of_the_reference() -> None:
    (phrase,) = FRONT.phrases("As long as that is.", 1.0, Spoken("As long as that is.", 200))
    assert isinstance(phrase, Phrase)
    assert phrase.frames == 14 * BEAT_MEL  # 200 frames in whole beats
    assert FRONT.timeline("As long as that is.", voice=VOICE).frames % BEAT_MEL == 0
    (faster,) = FRONT.phrases("As long as that is.", 2.0, Spoken("As long as that is.", 200))
    assert faster.frames == 7 * BEAT_MEL


def test_words_share_the_time_by_their_letters() -> None:
    phrase = FRONT.fitted("four at eleventhree", 190)
    assert [word.text for word in phrase.words] == ["four", "at", "eleventhree"]
    assert [(word.start, word.end) for word in phrase.words] == [(0, 40), (50, 70), (80, 190)]
    np.testing.assert_array_equal(
        phrase.ids()[phrase.ids() > 0], Codes().ids("four at eleventhree")
    )


def test_pauses_are_silence_between_phrases() -> None:
    phrases = FRONT.phrases("One two. [pause:0.5] Three four.", 1.0, Spoken("abcdefghij", 100))
    kinds = [isinstance(part, Phrase) for part in phrases]
    assert kinds == [True, False, True]
    assert phrases[1].frames == 4 * BEAT_MEL  # 0.5 s in whole beats


def test_any_script_is_passed_on() -> None:
    FRONT.check("你好")
    assert FRONT.timeline("你好, hello").frames > 0


@pytest.mark.parametrize(
    ("text", "speed", "fault"),
    [("...", 1.0, "nothing to say"), ("Hello.", 9.0, "speed"), ("[pause:99]", 1.0, "pause")],
)
def test_what_cannot_be_said_is_refused(text: str, speed: float, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        FRONT.timeline(text, speed, VOICE)


def test_a_text_without_a_single_known_letter_is_refused() -> None:
    FRONT.check("Grüße, नमस्ते!")
    FRONT.check("…")
    with pytest.raises(InvalidInput, match="none of the letters of 'नमस्ते"):
        FRONT.check("नमस्ते [pause:0.5]")
