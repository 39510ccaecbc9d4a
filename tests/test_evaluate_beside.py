from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.beside import real_takes, teacher_takes
from jamflow_rt.evaluate.lips import measure_lips, own_gaps
from jamflow_rt.train.teachers import Utterance
from tests.test_joint_data import write_clips


def test_clips_become_takes_with_the_phonemes_of_the_aligner(tmp_path: Path) -> None:
    write_clips(tmp_path)
    takes = real_takes(tmp_path)
    take = takes[0]
    assert take.text == "" and len(take.faces) == 75 and take.seconds == pytest.approx(3)
    [span] = take.phonemes
    assert (span.symbol, span.start, span.end) == ("b", 94, 113)
    lips = measure_lips([(take, own_gaps(take))])
    assert lips is not None and lips.closed == 0.0, "lips that never move do not close"


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="jamflow-rt prepare"):
        real_takes(tmp_path)


class FakeTeacher:
    def __call__(self, text: str, seed: int) -> Utterance | None:
        if text == "...":
            return None
        sound = np.full(2400, seed, np.float32)
        return Utterance(np.zeros(2, np.int16), np.ones(2, np.float32), np.zeros(4), sound)


def test_a_teacher_says_what_can_be_said() -> None:
    takes = list(teacher_takes(FakeTeacher(), ["Hi.", "...", "Yes."], seed=5))
    assert [take.text for take in takes] == ["Hi.", "Yes."]
    assert [take.sound[0] for take in takes] == [5, 7]
    assert not takes[0].faces
