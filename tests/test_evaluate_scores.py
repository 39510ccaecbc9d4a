from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.pictures import PictureGallery, PictureJudges
from jamflow_rt.evaluate.scores import Judges, Scores, score
from jamflow_rt.evaluate.take import Take
from jamflow_rt.text.timeline import PhonemeSpan
from tests.test_evaluate_pictures import GapInGrey, GreyTracker


def face(gap: float) -> FaceState:
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[14, 1] = gap
    return FaceState(landmarks, np.zeros(3, np.float32), np.zeros(2, np.float32), 1.0)


class Drawn:
    def landmarks(self, face: FaceState) -> np.ndarray:
        return face.landmarks[:, :2]


def takes() -> list[Take]:
    rng = np.random.default_rng(0)
    return [
        Take(
            text=text,
            sound=rng.normal(0, 0.1, 38400).astype(np.float32),
            faces=tuple(face(0.0 if index < 4 else 1.0) for index in range(40)),
            phonemes=(PhonemeSpan("b", 0, 8), PhonemeSpan("i", 8, 150)),
            edges=(0, 7680),
        )
        for text in ("Be quick.", "Bee hives, please.")
    ]


def test_scores_sum_up_and_keep_the_lines() -> None:
    heard = iter(["be quick", "b hives please"])
    marks = iter([3.0, 4.0])
    judges = Judges(
        listener=lambda sound: next(heard),
        quality=lambda sound: next(marks),
        cleanness=lambda sound: 2.5,
        voice=lambda sound: 0.9,
    )
    found = score(takes(), judges, Drawn())
    assert found.word_error_rate == pytest.approx(1 / 5)
    assert found.character_error_rate == pytest.approx(
        2 / (len("be quick") + len("bee hives please"))
    )
    assert (found.quality, found.cleanness, found.similarity) == (3.5, 2.5, 0.9)
    assert (found.sentences, found.seconds) == (2, pytest.approx(3.2))
    assert found.lips is not None and (found.lips.bilabials, found.lips.closed) == (2, 1.0)
    assert found.clicks is not None and found.clicks.edges == 4
    assert found.sync is not None and found.motion is not None
    assert found.pictures is None
    assert [line.word_errors for line in found.lines] == [0, 1]


def test_without_judges_and_renderer_the_faces_themselves_are_measured() -> None:
    found = score(takes(), Judges())
    assert found.word_error_rate is None and found.quality is None and found.similarity is None
    assert found.lips is not None and found.lips.closed == 1.0


def test_only_some_takes_are_heard_and_shown() -> None:
    count = iter(range(10))
    judges = Judges(quality=lambda sound: float(next(count)))
    gallery = PictureGallery(PictureJudges(tracker=GreyTracker()), GapInGrey())
    found = score(takes(), judges, gallery=gallery, judged=1)
    assert found.sentences == 2 and len(found.lines) == 1
    assert found.quality == 0.0
    assert found.lips is not None and found.lips.bilabials == 2
    assert found.pictures is not None and found.pictures.lips is not None
    assert found.pictures.lips.bilabials == 1


def test_nothing_to_evaluate_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="nothing to evaluate"):
        score([], Judges())


def some_scores() -> Scores:
    """Scores for tests of what is made of them."""
    heard = iter(["be quick", "b hives please"])
    judges = Judges(listener=lambda sound: next(heard), quality=lambda sound: 3.5)
    return score(takes(), judges, Drawn())
