from __future__ import annotations

import numpy as np

from jamflow_rt.codec.mel import SILENCE, silence_mel
from jamflow_rt.stream.score import Cell, Score


def text_cell(value: int, speech: str = "a") -> Cell:
    return Cell(np.full(15, value, np.int32), speech_id=speech)


def sound_cell(value: float, speech: str = "b") -> Cell:
    return Cell(
        np.zeros(15, np.int32),
        np.full((15, 100), value, np.float32),
        np.full(3840, value, np.float32),
        speech,
    )


def test_an_excerpt_of_text_is_unknown_sound_and_silent_text_beyond_the_end() -> None:
    score = Score()
    score.extend([text_cell(1), text_cell(2)])
    text, mel, known = score.peek(3)
    assert text.reshape(3, 15)[:, 0].tolist() == [1, 2, 0]
    assert not mel.any()
    assert not known.any()


def test_an_excerpt_of_sound_is_known_and_silent_beyond_the_end() -> None:
    score = Score()
    score.extend([sound_cell(0.5)])
    text, mel, known = score.peek(2)
    assert not text.any()
    assert known.all()
    np.testing.assert_array_equal(mel[:15], 0.5)
    np.testing.assert_array_equal(mel[15:], silence_mel(15))
    assert mel[20, 3] == np.float32(SILENCE)


def test_ready_ends_where_the_kind_changes() -> None:
    score = Score()
    score.extend([text_cell(1), text_cell(2), sound_cell(0.1), text_cell(3)])
    assert score.ready == 2
    score.drop(2)
    assert score.ready == 1
    score.drop(1)
    assert score.ready == 1
    score.clear()
    assert (score.ready, len(score)) == (0, 0)


def test_held_cells_are_seen_but_not_performed() -> None:
    score = Score()
    score.extend([sound_cell(0.1), sound_cell(0.2)])
    score.hold(1, "b")
    assert score.ready == 1
    assert score.peek(2).mel[-1, 0] == np.float32(0.2)
    score.hold(0, "b")
    assert score.ready == 2


def test_only_cells_of_the_speech_itself_are_held() -> None:
    score = Score()
    score.extend([text_cell(1), text_cell(2)])
    score.hold(2, "b")
    assert score.ready == 2
