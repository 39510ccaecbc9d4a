import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.train.gestures import Accent, find_accents, gesture_tracks

RATE = 80
MEL = 93.75


def sentence(stresses: dict[float, float]) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Four seconds of /ˈa t/ every half second; some are higher (semitones) and louder."""
    symbols = ["", *["ˈ", "a", "t", " "] * 8, ""]
    seconds = np.array([0.0, *[0.02, 0.28, 0.1, 0.1] * 8, 0.0], np.float32)
    pitch = 120 * 2 ** (np.sin(np.arange(4 * RATE) / 25) / 12)
    loud = np.zeros(int(4 * MEL), np.float32) + np.random.default_rng(0).normal(0, 0.5, 375)
    for start, rise in stresses.items():
        pitch[int(start * RATE) : int((start + 0.4) * RATE)] *= 2 ** (rise / 12)
        loud[int(start * MEL) : int((start + 0.3) * MEL)] += rise / 3
    return symbols, seconds, pitch.astype(np.float32), loud.astype(np.float32)


def test_the_high_and_loud_vowel_is_the_accent() -> None:
    accents = find_accents(*sentence({1.0: 8.0}))
    strongest = max(accents, key=lambda a: a.prominence)
    assert 1.0 <= strongest.time <= 1.45
    assert strongest.prominence > 0.8
    assert all(a.prominence < 0.6 * strongest.prominence for a in accents if a is not strongest)


def test_a_monotone_or_unvoiced_sentence_has_no_clear_accent() -> None:
    symbols, seconds, pitch, loud = sentence({})
    assert find_accents(symbols, seconds, np.zeros_like(pitch), loud) == []
    flat = find_accents(symbols, seconds, np.full_like(pitch, 120), np.zeros_like(loud))
    assert not flat


def test_accents_keep_apart_and_the_clearer_wins() -> None:
    accents = find_accents(*sentence({1.0: 5.0, 1.5: 9.0, 3.0: 7.0}))
    times = [a.time for a in accents]
    assert times == sorted(times)
    assert all(b - a >= 0.5 for a, b in zip(times, times[1:], strict=False))
    assert any(1.5 <= t <= 1.95 for t in times)


def test_an_accent_nods_and_raises_brows_in_proportion() -> None:
    weak, strong = (gesture_tracks([Accent(1.0, p)], None, 75) for p in (0.4, 1.2))
    assert weak[:, 1].max() == 0
    assert strong[:, 1].max() > 2
    assert np.argmax(strong[:, 1]) == pytest.approx(25, abs=1)
    assert np.argmax(strong[:, 0]) == pytest.approx(26, abs=2)
    np.testing.assert_allclose(strong[:, 0], 3 * weak[:, 0], atol=1e-6)
    assert strong[:, 0].max() < 0.12  # seven degrees at most


def test_a_question_ends_with_raised_brows() -> None:
    asked = gesture_tracks([], 2.0, 75)
    assert 40 <= np.argmax(asked[:, 1]) <= 50
    assert asked[:5, 1].max() < 0.1
    assert not asked[:, 0].any()


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.3, 1.5)), max_size=5))
def test_gestures_never_twitch(found: list[tuple[float, float]]) -> None:
    kept: list[Accent] = []
    for time, prominence in sorted(found):
        if not kept or time - kept[-1].time >= 0.5:
            kept.append(Accent(time, prominence))
    tracks = gesture_tracks(kept, None, 75)
    assert np.abs(np.diff(tracks[:, 0])).max() < 0.05
    assert np.abs(np.diff(tracks[:, 1])).max() < 1.5
