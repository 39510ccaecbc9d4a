"""Timeline: durations → spans in mel frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.beats import BEAT_MEL
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.phonemes import SILENCE, symbol_ids
from jamflow_rt.text.script import Script, Word
from jamflow_rt.text.timeline import PhonemeSpan, Timeline, WordSpan

SCRIPT = Script("Hi, you.", "hI, ju.", (Word("Hi,", 0, 2), Word("you.", 4, 6)))
LENGTHS = [3, 5, 4, 0, 2, 6, 1]


def test_spans() -> None:
    timeline = Timeline.of(SCRIPT, LENGTHS, lead=2, trail=3)
    assert timeline.words == (WordSpan("Hi,", 2, 10), WordSpan("you.", 14, 22))
    assert timeline.phonemes[0] == PhonemeSpan(SILENCE, 0, 2)
    assert timeline.phonemes[-1] == PhonemeSpan(SILENCE, 23, 26)
    assert [span.symbol for span in timeline.phonemes] == [SILENCE, *"hI,ju.", SILENCE]
    assert timeline.frames == 26


def test_ids_are_one_a_frame() -> None:
    ids = Timeline.of(SCRIPT, LENGTHS, lead=2).ids()
    assert ids.dtype == np.int32
    expected = symbol_ids(SILENCE * 2 + "hhh" + "IIIII" + ",,,," + "jj" + "uuuuuu" + ".")
    assert ids.tolist() == expected


def test_padding_fills_the_last_beat_with_silence() -> None:
    timeline = Timeline.of(SCRIPT, LENGTHS, lead=2, trail=3).padded()
    assert timeline.frames == 2 * BEAT_MEL
    assert timeline.phonemes[-1] == PhonemeSpan(SILENCE, 23, 30)
    assert timeline.padded() is timeline
    assert timeline.beats == 2
    assert timeline.seconds == pytest.approx(0.32)
    assert Timeline.of(SCRIPT, LENGTHS).padded().phonemes[-1] == PhonemeSpan(SILENCE, 21, 30)


@pytest.mark.parametrize("lengths", [[1] * 6, [1] * 8, [1, 1, 1, -1, 1, 1, 1]])
def test_wrong_durations(lengths: list[int]) -> None:
    with pytest.raises(InvalidInput, match="7 phonemes"):
        Timeline.of(SCRIPT, lengths)


@given(st.lists(st.integers(0, 40), min_size=7, max_size=7), st.integers(0, 9), st.integers(0, 9))
def test_phonemes_cover_all_frames(lengths: list[int], lead: int, trail: int) -> None:
    timeline = Timeline.of(SCRIPT, lengths, lead=lead, trail=trail).padded()
    assert timeline.frames % BEAT_MEL == 0
    assert timeline.frames == len(timeline.ids())
    position = 0
    for span in timeline.phonemes:
        assert span.start == position < span.end
        position = span.end
    assert position == timeline.frames
    assert timeline.words[0].start == lead
    assert timeline.words[1].end == lead + sum(lengths[:6])
