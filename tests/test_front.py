"""TextFront: text → Timeline."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jamflow_rt.beats import BEAT_MEL
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.durations import DurationConfig, DurationPredictor
from jamflow_rt.text.front import TextFront
from jamflow_rt.text.phonemes import SILENCE, Phonemizer
from jamflow_rt.text.splitter import ClauseSplitter


@pytest.fixture(scope="module")
def front() -> TextFront:
    """A front whose predictor gives about 5 frames to everything."""
    torch.manual_seed(0)
    predictor = DurationPredictor(DurationConfig(width=16, expansion=2, dilations=(1,)))
    with torch.no_grad():
        predictor.out.bias.fill_(1.6)
    return TextFront(Phonemizer(), predictor)


def test_a_timeline_has_all_words_in_order(front: TextFront) -> None:
    timeline = front.timeline("Good morning, it costs $5.20. Really?")
    assert [word.text for word in timeline.words] == [
        "Good", "morning,", "it", "costs", "$5.20.", "Really?",
    ]  # fmt: skip
    ends = [0, *(word.end for word in timeline.words)]
    for word, end in zip(timeline.words, ends, strict=False):
        assert end <= word.start < word.end <= timeline.frames


def test_silence_before_and_after_up_to_a_beat(front: TextFront) -> None:
    timeline = front.timeline("Good morning.")
    ids = timeline.ids()
    assert timeline.frames % BEAT_MEL == 0
    assert ids.shape == (timeline.frames,)
    sounds = np.flatnonzero(ids)
    assert sounds[0] == 4
    assert timeline.frames - sounds[-1] > 8
    assert timeline.phonemes[0].symbol == timeline.phonemes[-1].symbol == SILENCE


def test_sentences_are_parted(front: TextFront) -> None:
    timeline = front.timeline("One. Two.")
    silences = [span for span in timeline.phonemes if span.symbol == SILENCE]
    assert len(silences) == 3
    assert timeline.words[0].end < silences[1].start < silences[1].end <= timeline.words[1].start
    assert 8 <= silences[1].end - silences[1].start <= 48


def test_faster_is_shorter(front: TextFront) -> None:
    text = "The quick brown fox jumps over the lazy dog, and runs away from it."
    slow, normal, fast = (front.timeline(text, speed).frames for speed in (0.5, 1.0, 2.0))
    assert slow == pytest.approx(2 * normal, abs=2 * BEAT_MEL)
    assert fast == pytest.approx(normal / 2, abs=2 * BEAT_MEL)


def test_pieces_of_a_sentence_are_read_as_in_the_whole(front: TextFront) -> None:
    text = "When I read the book, you were in the garden; the wind blew, and we had to go."
    splitter = ClauseSplitter()
    pieces = splitter.feed(text) + splitter.flush()
    assert len(pieces) > 2

    def symbols(part: str) -> str:
        spans = front.timeline(part).phonemes
        return "".join(span.symbol for span in spans if span.symbol not in " " + SILENCE)

    assert "".join(map(symbols, pieces)) == symbols(text)


def test_a_piece_that_goes_on_has_no_pause_of_a_sentence(front: TextFront) -> None:
    def after(text: str) -> int:
        timeline = front.timeline(text)
        return timeline.frames - timeline.phonemes[-2].end

    assert after("and then he went away,") < BEAT_MEL
    assert after("and then he went away") < BEAT_MEL + 8


@pytest.mark.parametrize("text", ["", "😀", "Привет", "..."])
def test_unspeakable_text(front: TextFront, text: str) -> None:
    with pytest.raises(InvalidInput):
        front.timeline(text)


def test_the_same_text_gives_the_same_timeline(front: TextFront) -> None:
    assert front.timeline("Once more, please.") == front.timeline("Once more, please.")


def test_pauses_are_silence_as_long_as_they_say(front: TextFront) -> None:
    plain = front.timeline("Well, yes.")
    paused = front.timeline("Well, [pause:0.8] yes.")
    assert [w.text for w in paused.words] == ["Well,", "yes."]
    gap = paused.words[1].start - paused.words[0].end
    assert gap - (plain.words[1].start - plain.words[0].end) >= 70
    silences = [s for s in paused.phonemes if s.symbol == SILENCE]
    assert len(silences) == 3, "neighbouring silences are one"
    assert [s.start for s in paused.phonemes[1:]] == [s.end for s in paused.phonemes[:-1]]
    ids = paused.ids()
    assert not ids[silences[1].start : silences[1].end].any()


def test_a_pause_alone_is_silent(front: TextFront) -> None:
    timeline = front.timeline("[pause:0.5]")
    assert timeline.words == ()
    assert timeline.frames == 4 * BEAT_MEL
    assert not timeline.ids().any()
