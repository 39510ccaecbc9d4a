"""F5-TTS's rules of duration and phrases, and where ours go further."""

import pytest

from jamflow_rt.text.pace import reference_text, split_phrases, spoken_frames

REFERENCE = "Some call me nature, others call me mother nature.  "
FRAMES = 500  # 5.3 s


@pytest.mark.parametrize(
    ("transcript", "written"),
    [
        ("Hello there", "Hello there.  "),
        (" Hello there. ", "Hello there.  "),
        ("Hello there!", "Hello there!.  "),  # as F5-TTS does
        ("你好。", "你好。"),
        ("你好", "你好.  "),
    ],
)
def test_a_transcript_is_closed_and_parted_from_what_follows(transcript: str, written: str) -> None:
    assert reference_text(transcript) == written


def test_a_text_takes_its_share_of_the_references_time() -> None:
    text = "a" * len(REFERENCE)
    assert spoken_frames(FRAMES, REFERENCE, text) == FRAMES
    assert spoken_frames(FRAMES, REFERENCE, text * 2) == 2 * FRAMES
    assert spoken_frames(FRAMES, REFERENCE, text, speed=2.0) == FRAMES // 2
    # A Chinese character is three bytes.
    assert spoken_frames(FRAMES, REFERENCE, "你" * 20) == int(FRAMES / 52 * 60)


def test_a_very_short_text_is_said_slowly_at_any_speed() -> None:
    assert spoken_frames(FRAMES, REFERENCE, "Yes!") == int(FRAMES / 52 * 4 / 0.3)
    assert spoken_frames(FRAMES, REFERENCE, "Yes!", speed=2.0) == int(FRAMES / 52 * 4 / 0.3)
    assert spoken_frames(FRAMES, REFERENCE, "Ten bytes.") == int(FRAMES / 52 * 10)


def test_a_text_is_cut_after_punctuation_and_as_seldom_as_possible() -> None:
    sentence = "This is a sentence of forty-nine letters in a row."
    phrases = split_phrases(" ".join([sentence] * 8), REFERENCE, FRAMES)
    assert phrases == [" ".join([sentence] * 3), " ".join([sentence] * 3), " ".join([sentence] * 2)]
    assert split_phrases("One, two.", REFERENCE, FRAMES) == ["One, two."]
    assert split_phrases(" \n ", REFERENCE, FRAMES) == []
    faster = split_phrases(" ".join([sentence] * 8), REFERENCE, FRAMES, speed=2.0)
    assert [phrase.count(".") for phrase in faster] == [6, 2]


def test_chinese_is_cut_after_its_own_punctuation() -> None:
    sentence = "这是一个有十五个汉字的句子呢，"
    phrases = split_phrases(sentence * 6, REFERENCE, FRAMES)
    assert phrases == [sentence * 3, sentence * 3]


def test_what_has_no_punctuation_is_cut_between_words() -> None:
    words = " ".join(["word"] * 100)
    phrases = split_phrases(words, REFERENCE, FRAMES)
    assert " ".join(phrases) == words
    assert len(phrases) == 4 and all(len(phrase) <= 159 for phrase in phrases)
    # And where there are no words, between characters.
    letters = "x" * 400
    assert split_phrases(letters, REFERENCE, FRAMES) == ["x" * 159, "x" * 159, "x" * 82]
    assert "".join(split_phrases("字" * 100, REFERENCE, FRAMES)) == "字" * 100


def test_a_reference_that_is_too_long_leaves_little_room_but_some() -> None:
    long = "a" * 200
    phrases = split_phrases("one two three four five six. " * 3, long, round(25 * 93.75))
    assert phrases and all(len(phrase) <= 10 for phrase in phrases)
