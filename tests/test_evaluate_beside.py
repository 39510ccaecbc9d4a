from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.beside import real_takes, recorded_takes, teacher_takes
from jamflow_rt.evaluate.lips import measure_lips, own_gaps
from jamflow_rt.record import write_wav
from jamflow_rt.text.timeline import PhonemeSpan
from jamflow_rt.train.forced_alignment import TimedPhone
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


def test_recordings_are_listened_to_and_aligned(tmp_path: Path) -> None:
    sound = np.zeros(SAMPLE_RATE, np.float32)
    for name, text in (("b", "Bob's Mom."), ("a", "Hi!"), ("c", "strange")):
        write_wav(sound, tmp_path / f"{name}.wav")
        (tmp_path / f"{name}.txt").write_text(text)
    write_wav(sound, tmp_path / "untold.wav")
    asked: list[str] = []

    def align(sound: np.ndarray, text: str) -> list[TimedPhone] | None:
        asked.append(text)
        if text == "strange":
            return None
        return [TimedPhone("", 0.0, 0.2), TimedPhone("b", 0.2, 0.4)]

    faces = [FaceState(np.zeros((478, 3)), np.zeros(3), np.zeros(2), 1.0)] * 25
    takes = list(recorded_takes(tmp_path, lambda heard: faces, align))
    assert [take.text for take in takes] == ["Hi!", "Bob's Mom."]
    assert asked == ["Hi!", "Bob's Mom.", "strange"]
    assert takes[0].seconds == 1 and len(takes[0].faces) == 25
    assert takes[0].phonemes == (PhonemeSpan("b", 19, 38),)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"NAME\.txt"):
        list(recorded_takes(tmp_path, lambda heard: []))


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
