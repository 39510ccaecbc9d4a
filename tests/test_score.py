from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.codec.whitening import SILENCE, silence_mel
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


@pytest.mark.parametrize("frames", [0, 8, 15, 22, 40])
def test_an_outlook_is_known_and_what_is_beyond_it_is_not(frames: int) -> None:
    score = Score()
    score.extend([sound_cell(0.1)])
    score.outlook = np.full((frames, 100), 0.7, np.float32)
    _, mel, known = score.peek(3)
    end = min(15 + frames, 45)
    np.testing.assert_array_equal(mel[15:end], np.float32(0.7))
    assert not mel[end:].any()
    assert known.tolist() == [True] * end + [False] * (45 - end)
    score.close()
    assert score.peek(3).known.all()


def test_a_paused_score_awaits_nothing() -> None:
    score = Score()
    score.open = True
    assert score.awaiting
    score.paused = True
    assert not score.awaiting
    score.paused = False
    score.clear()
    assert not score.awaiting
