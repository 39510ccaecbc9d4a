from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.codec.face import FaceState
from jamflow_rt.evaluate.lips import closes, lip_gaps, measure_lips
from jamflow_rt.evaluate.take import Take
from jamflow_rt.text.timeline import PhonemeSpan


def take(*spans: tuple[str, int, int]) -> Take:
    return Take(
        "text", np.zeros(3840, np.float32), phonemes=tuple(PhonemeSpan(*span) for span in spans)
    )


def open_but(frames: int, *closed: int) -> np.ndarray:
    gaps = np.full(frames, 10.0, np.float32)
    gaps[list(closed)] = 0.5
    return gaps


def test_closure_counts_within_one_frame_of_the_sound() -> None:
    # Mel frames 30…45 are the motion frames 8…11, with the margin 7…12.
    span = PhonemeSpan("b", 30, 45)
    for frame in range(7, 13):
        assert closes(open_but(20, frame), span, 1.5)
    assert not closes(open_but(20, 6), span, 1.5)
    assert not closes(open_but(20, 13), span, 1.5)


def test_a_phoneme_beyond_the_last_frame_does_not_close() -> None:
    assert not closes(open_but(4, 0), PhonemeSpan("b", 60, 70), 1.5)


def test_shares_of_bilabials_and_of_chance() -> None:
    spoken = take(("p", 0, 4), ("æ", 30, 45), ("m", 60, 64), ("t", 90, 94), ("_", 94, 150))
    found = measure_lips([(spoken, open_but(40, 0, 25))])
    assert found is not None
    assert (found.bilabials, found.closed) == (2, 0.5)
    assert (found.others, found.chance) == (2, 0.5)


def test_stress_marks_and_pauses_are_no_phonemes_to_compare_with() -> None:
    spoken = take(("b", 0, 4), ("ˈ", 20, 24), ("ː", 30, 34), (",", 40, 44), (" ", 60, 64))
    found = measure_lips([(spoken, open_but(40))])
    assert found is not None
    assert (found.others, found.chance) == (0, 0.0)


def test_the_limit_is_a_share_of_each_takes_own_opening() -> None:
    spoken = take(("b", 0, 4))
    gaps = np.linspace(0, 1, 40, dtype=np.float32)
    for size in (1.0, 100.0):
        found = measure_lips([(spoken, size * gaps)])
        assert found is not None and found.closed == 1.0
        # Lips that never part from a small gap are not closed by standing still.
        found = measure_lips([(spoken, size * np.ones(40, np.float32))])
        assert found is not None and found.closed == 0.0


def test_without_bilabials_there_is_nothing_to_measure() -> None:
    assert measure_lips([(take(("t", 0, 9)), open_but(20))]) is None


def test_gaps_are_those_of_the_drawn_face() -> None:
    class Drawn:
        def landmarks(self, face: FaceState) -> np.ndarray:
            return face.landmarks[:, :2] * 7

    landmarks = np.zeros((478, 3), np.float32)
    landmarks[14] = (3, 4, 12)
    face = FaceState(landmarks, np.zeros(3, np.float32), np.zeros(2, np.float32), 1.0)
    spoken = Take("text", np.zeros(960, np.float32), faces=(face,))
    assert lip_gaps(spoken, Drawn()) == pytest.approx([35.0])
