import numpy as np
import pytest
import torch

from jamflow_rt.train.articulation import ARPABET, BILABIALS, FEATURES, describe
from jamflow_rt.train.forced_alignment import TimedPhone
from jamflow_rt.train.phone_motion import (
    OVERSAMPLING,
    LipCloser,
    articulation_track,
    phones_from_ids,
    train_phone_to_motion,
)
from tests.toy import toy_space

SPACE = toy_space()
CLOSED = 0.06  # a few hundredths of a centimetre of lip thickness is closed


def lip_gap(mouth: np.ndarray) -> np.ndarray:
    latents = np.zeros((len(mouth), SPACE.size), np.float32)
    latents[:, : mouth.shape[1]] = mouth
    meshes = SPACE.meshes(latents)
    return np.asarray(meshes[:, 14, 1] - meshes[:, 13, 1])


def test_every_aligner_phone_has_an_articulation() -> None:
    for symbol in ARPABET.values():
        articulation = describe(symbol)
        assert articulation is not None and articulation.any()
    for symbol in BILABIALS:
        articulation = describe(symbol)
        assert articulation is not None and articulation[FEATURES.index("bilabial")] == 1
    for mark in "ˈˌ ,.?":
        assert describe(mark) is None


def test_a_track_has_each_phone_at_its_time() -> None:
    track = articulation_track([TimedPhone("m", 0.1, 0.2), TimedPhone("I", 0.2, 0.4)], frames=15)
    assert track.shape == (15 * OVERSAMPLING, len(FEATURES) + 1)
    nasal, silence = FEATURES.index("nasal"), FEATURES.index("silence")
    assert track[10:20, nasal].all() and not track[20:, nasal].any() and not track[:10, nasal].any()
    assert track[:10, silence].all() and track[40:, silence].all()
    progress = track[20:40, -1]
    assert (np.diff(progress) > 0).all() and progress[0] < 0.1 and progress[-1] > 0.9


def test_stress_and_short_gaps_belong_to_their_neighbours() -> None:
    seconds = np.array([0.3, 0.05, 0.1, 0.04, 0.1, 0.2, 0.3], np.float32)
    phones = phones_from_ids(["_", "ˈ", "b", " ", "i", ",", "_"], seconds)
    assert [p.symbol for p in phones] == ["", "b", "i", "", ""]
    b, i = phones[1], phones[2]
    assert b.start == pytest.approx(0.3)  # the stress mark's time is the consonant's
    assert b.end == pytest.approx(0.47) == i.start  # the space is shared
    assert phones[3].start == pytest.approx(0.59)
    assert phones[-1].end == pytest.approx(float(seconds.sum()))


def test_bilabials_are_pressed_shut_and_the_rest_is_left() -> None:
    random = np.random.default_rng(0)
    mouth = np.tile(SPACE.rest[:12], (40, 1))
    opening = -SPACE.mouth[:, 14, 1] + SPACE.mouth[:, 13, 1]
    mouth = (mouth - 1.5 * opening / (opening @ opening)).astype(np.float32)
    mouth += random.normal(0, 0.02, mouth.shape).astype(np.float32)
    assert lip_gap(mouth).min() > 0.5
    closed = LipCloser(SPACE)(mouth, [TimedPhone("p", 0.4, 0.48), TimedPhone("t", 1.0, 1.1)])
    gap = lip_gap(closed)
    assert gap[10:12].min() < CLOSED
    far = [*range(7), *range(15, 40)]
    np.testing.assert_array_equal(closed[far], mouth[far])


def test_the_network_learns_a_mouth_that_follows_its_phones() -> None:
    random = np.random.default_rng(0)
    tracks, mouths = [], []
    for _ in range(40):
        cuts = np.sort(random.uniform(0, 1, 5))
        phones = [
            TimedPhone(str(random.choice(["ɑ", "m"])), float(a), float(b))
            for a, b in zip([0, *cuts], [*cuts, 1.0], strict=True)
        ]
        track = articulation_track(phones, 25)
        tracks.append(track)
        wide = track[:, FEATURES.index("open")].reshape(25, OVERSAMPLING).mean(1)
        mouths.append(np.stack([wide, 1 - wide], axis=1).astype(np.float32))
    _, error = train_phone_to_motion(np.stack(tracks), np.stack(mouths), held_out=8, steps=80)
    assert error < 0.15


def test_training_is_repeatable() -> None:
    tracks = np.random.default_rng(0).random((4, 20, len(FEATURES) + 1), np.float32)
    mouths = np.zeros((4, 5, 2), np.float32)
    first, _ = train_phone_to_motion(tracks, mouths, held_out=1, steps=2)
    second, _ = train_phone_to_motion(tracks, mouths, held_out=1, steps=2)
    assert torch.equal(first.enter.weight, second.enter.weight)
