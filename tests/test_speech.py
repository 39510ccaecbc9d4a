from __future__ import annotations

import asyncio

import pytest

from jamflow_rt.stream.media import Playback, SpokenWord
from jamflow_rt.stream.speech import Speech


@pytest.fixture
def speech() -> Speech:
    speech = Speech("s-1", "two words. third")
    speech.schedule(3, [SpokenWord("two", 0.02, 0.2), SpokenWord("words.", 0.2, 0.44)])
    speech.schedule(2, [SpokenWord("third", 0.04, 0.3)])
    return speech


def test_words_of_later_pieces_follow_the_earlier_ones(speech: Speech) -> None:
    assert [w.text for w in speech.words] == ["two", "words.", "third"]
    assert speech.words[2].start == pytest.approx(0.52)
    assert speech.scheduled == pytest.approx(0.8)


def test_words_are_told_once_when_they_begin(speech: Speech) -> None:
    told = [[word.text for word in speech.hear()[0]] for _ in range(20)]
    assert told[0] == ["two"]
    assert told[5] == ["words."]
    assert told[13] == ["third"]
    assert sum(map(len, told)) == 3


def test_spoken_text_holds_words_heard_to_their_end(speech: Speech) -> None:
    for _ in range(10):
        speech.hear()
    assert speech.position == pytest.approx(0.4)
    assert speech.spoken_text == "two"
    speech.hear()
    assert speech.playback() == Playback(
        "s-1", pytest.approx(0.44), "two words.", speech.words[:2], "third"
    )
    assert speech.playback().position_ms == 440


def test_it_is_heard_out_only_when_it_is_complete(speech: Speech) -> None:
    for _ in range(20):
        assert not speech.heard_out
        speech.hear()
    assert not speech.heard_out
    speech.complete()
    assert speech.heard_out


async def test_awaiting_gives_what_was_heard(speech: Speech) -> None:
    waiting = asyncio.ensure_future(asyncio.wait_for(speech, 1))
    await asyncio.sleep(0)
    assert not speech.done
    speech.hear()
    speech.end(interrupted=True)
    assert (await waiting).position == pytest.approx(0.04)
    assert speech.done
    assert speech.interrupted
    assert (await speech).speech_id == "s-1"


async def test_awaiting_raises_what_went_wrong(speech: Speech) -> None:
    speech.error = ValueError("the model stopped")
    speech.end(interrupted=True)
    with pytest.raises(ValueError, match="stopped"):
        await speech
