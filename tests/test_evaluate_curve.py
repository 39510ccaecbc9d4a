from __future__ import annotations

import numpy as np

from jamflow_rt.evaluate.curve import measure_curve
from jamflow_rt.evaluate.scores import Judges
from tests.toy import toy_bundle


def test_each_number_of_evaluations_is_heard_with_and_without_guidance() -> None:
    sounds: list[np.ndarray] = []

    def listen(sound: np.ndarray) -> str:
        sounds.append(sound)
        return "hi"

    judges = Judges(listener=listen, quality=lambda sound: 3.0, cleanness=lambda sound: 1 / 0)
    points = measure_curve(
        toy_bundle(), ["Hi."], judges, evaluations=(1, 2), guidances=(0.0, 1.0), voice=None
    )
    assert [(p.evaluations, p.guidance, p.calls) for p in points] == [
        (1, 0.0, 1),
        (2, 0.0, 2),
        (1, 1.0, 2),
        (2, 1.0, 4),
    ]
    assert all(p.word_error_rate == 0 and p.quality == 3.0 and p.sampling > 0 for p in points)
    assert len({sound.tobytes() for sound in sounds}) == 4


def test_no_numbers_no_curve() -> None:
    points = measure_curve(
        toy_bundle(), ["Hi."], Judges(), evaluations=(), guidances=(0.0,), voice=None
    )
    assert points == ()
