from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.evaluation import Plan, evaluate
from jamflow_rt.evaluate.pictures import PictureJudges
from jamflow_rt.evaluate.scores import Judges
from jamflow_rt.evaluate.take import Take
from tests.test_evaluate_beside import FakeTeacher
from tests.test_evaluate_pictures import GapInGrey
from tests.test_joint_data import write_clips
from tests.toy import toy_bundle


class FakeSimilarity:
    def __init__(self, examples: object) -> None:
        assert len(list(examples)) > 3  # type: ignore[call-overload]

    def __call__(self, sound: np.ndarray) -> float:
        return 1.0 if len(sound) == 2400 else 0.5


def test_everything_asked_for_stands_beside_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("jamflow_rt.train.teachers.teacher_for", lambda *_: FakeTeacher())
    monkeypatch.setattr("jamflow_rt.evaluate.evaluation.Similarity", FakeSimilarity)
    monkeypatch.setattr("jamflow_rt.train.teacher_motion.HELD_OUT_CLIPS", 2)
    monkeypatch.setattr("jamflow_rt.evaluate.beside.REAL_CLIPS", 3)
    write_clips(tmp_path)
    seen: list[Take] = []
    report = evaluate(
        toy_bundle(),
        GapInGrey(),
        Judges(quality=lambda sound: float(len(sound))),
        PictureJudges(),
        Plan(
            sentences=("Hi.",), compare=True, curve=(1,), guidance=0.5, teacher=True,
            prepared=tmp_path,
        ),
        on_take=seen.append,
    )  # fmt: skip
    assert [take.text for take in seen] == ["Hi."]
    assert report.ours.similarity == 0.5
    assert report.teacher is not None and report.teacher.similarity == 1.0
    assert report.whole is not None and report.whole.quality == report.ours.quality
    assert report.whole.clicks is not None and report.ours.clicks is not None
    assert report.whole.clicks.edges <= report.ours.clicks.edges
    assert report.real is not None and report.real.sentences == 3
    assert report.real.similarity is None
    assert report.listening is not None and report.listening.clips == 2
    assert [(point.evaluations, point.guidance) for point in report.curve] == [(1, 0.0), (1, 0.5)]
    assert min(report.cost.values()) > 0
    assert report.settings["guidance"] == 0.5


def test_ours_alone_is_measured_by_default() -> None:
    report = evaluate(
        toy_bundle(), GapInGrey(), Judges(), PictureJudges(), Plan(sentences=("Hi.",))
    )
    assert report.whole is report.teacher is report.real is report.listening is None
    assert report.curve == ()
    settings = {"windows": True, "voice": "toy", "evaluations": 2, "guidance": 0.0}
    assert report.settings | settings == report.settings


def test_one_piece_is_not_compared_with_itself() -> None:
    with pytest.raises(InvalidInput, match="--whole"):
        Plan(sentences=("Hi.",), windows=False, compare=True)
