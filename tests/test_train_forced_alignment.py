from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.forced_alignment import ForcedAligner, TimedPhone

SOUND = np.zeros(24_000, np.float32)


def aligner(fits_with: float, heard: list[float]) -> ForcedAligner:
    """One whose words fit when there is that much silence around the sound."""

    class Fitting(ForcedAligner):
        def __init__(self) -> None:
            pass

        def _words(self, text: str) -> list[str]:
            return text.split()

        def _align(
            self, sound: np.ndarray, words: Sequence[str], margin: float
        ) -> list[TimedPhone] | None:
            heard.append(margin)
            if margin < fits_with:
                return None
            return [
                TimedPhone("", 0.0, margin),
                TimedPhone("b", margin, margin + 0.5),
                TimedPhone("ɪ", margin + 0.5, 1.0 + 2 * margin),
            ]

    return Fitting()


@pytest.mark.parametrize(("fits_with", "tries"), [(0.0, [0.0]), (0.1, [0.0, 0.1])])
def test_words_that_do_not_fit_are_tried_with_silence_around(
    fits_with: float, tries: list[float]
) -> None:
    heard: list[float] = []
    phones = aligner(fits_with, heard)(SOUND, "bin")
    assert heard == tries
    assert phones is not None and [phone.symbol for phone in phones] == ["b", "ɪ"]
    times = [(phone.start, phone.end) for phone in phones]
    np.testing.assert_allclose(times, [(0.0, 0.5), (0.5, 1.0)], atol=1e-9)


def test_words_that_never_fit_have_no_times() -> None:
    assert aligner(9.0, [])(SOUND, "bin") is None


def test_silence_has_no_words() -> None:
    pytest.importorskip("pocketsphinx")
    assert ForcedAligner()(SOUND, "nosuchwordatall") is None


def test_words_of_no_dictionary_are_taught_as_they_are_read() -> None:
    pytest.importorskip("pocketsphinx")
    words = ForcedAligner()._words("Bimblu, at F5 again: it’s 1995!")
    assert words == [
        "b-ih-m-b-l-uw",
        "at",
        "eh-f-f-ay-v",
        "again",
        "it's",
        "n-ay-n-t-iy-n-n-ay-n-d-iy-f-ay-v",
    ]


def test_a_text_without_words_is_refused() -> None:
    pytest.importorskip("pocketsphinx")
    with pytest.raises(InvalidInput, match="nothing to say"):
        ForcedAligner()(SOUND, "…")
