import numpy as np

from jamflow_rt.beats import MEL_RATE, SAMPLE_RATE
from jamflow_rt.codec.face import FaceState
from jamflow_rt.evaluate.emphasis import accents_of, measure_emphasis
from jamflow_rt.evaluate.take import Take
from jamflow_rt.text.timeline import PhonemeSpan
from jamflow_rt.train.brows import BROWS
from tests.toy import toy_space

SECONDS = 4.0
ACCENT = 2.0


def take(*, moved_at: float | None) -> Take:
    """Eight stressed /a/; the one at 2 s is high and loud. Brows and head move at `moved_at`."""
    times = np.arange(int(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    accented = (times > ACCENT) & (times < ACCENT + 0.3)
    hertz = 120 * 2 ** (np.sin(2 * times) / 12) * np.where(accented, 1.5, 1.0)
    voice = np.sign(np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE))
    sound = voice * np.where(times % 0.5 < 0.35, 0.1, 0.0) * np.where(accented, 4.0, 1.0)
    spans = []
    for start in np.arange(0, SECONDS, 0.5):
        edges = [round((start + shift) * MEL_RATE) for shift in (0, 0.02, 0.3, 0.4, 0.5)]
        spans += [
            PhonemeSpan(symbol, a, b)
            for symbol, a, b in zip("ˈat ", edges, edges[1:], strict=False)
        ]
    faces = []
    for index in range(int(SECONDS * 25)):
        mesh, turn = toy_space().neutral.copy(), np.zeros(3, np.float32)
        if moved_at is not None and abs(index / 25 - moved_at) < 0.1:
            mesh[np.concatenate(BROWS), 1] -= 0.4
            turn[0] = 0.05
        faces.append(FaceState(mesh, turn, np.zeros(2, np.float32), 1.0))
    return Take("a", sound.astype(np.float32), tuple(faces), tuple(spans), (0,))


def test_the_emphasised_vowel_is_found_in_the_sound() -> None:
    accents = accents_of(take(moved_at=None))
    strongest = max(accents, key=lambda a: a.prominence)
    assert ACCENT <= strongest.time <= ACCENT + 0.4


def test_movement_at_the_emphasis_counts_for_it() -> None:
    found = measure_emphasis([take(moved_at=ACCENT + 0.1)])
    assert found is not None
    assert found.brows > 2 and found.nod > 1.5
    assert found.brows_elsewhere < 0.2 and found.nod_elsewhere < 0.2


def test_movement_anywhere_else_does_not() -> None:
    found = measure_emphasis([take(moved_at=0.6)])
    assert found is not None
    assert found.brows < 0.1 and found.nod < 0.1
    assert found.brows_elsewhere > 0.1


def test_without_faces_nothing_is_measured() -> None:
    silent = Take("a", np.zeros(SAMPLE_RATE, np.float32))
    assert measure_emphasis([silent]) is None
    assert measure_emphasis([]) is None
