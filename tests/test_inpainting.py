from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from jamflow_rt.avatar import Avatar
from jamflow_rt.errors import InvalidInput, NotSupported
from tests.toy import toy_bundle
from tests.toy_paper import save_paper_bundle, voice_sound

TEXT = "All that is said."


@pytest.fixture(scope="module")
def avatar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Avatar]:
    folder = save_paper_bundle(tmp_path_factory.mktemp("paper") / "bundle", faces=False)
    with Avatar.load(folder, warm=False, device="cpu") as loaded:
        yield loaded


def latents(avatar: Avatar, frames: int) -> np.ndarray:
    size = avatar.bundle.motion.size
    return np.random.default_rng(0).normal(size=(frames, size)).astype(np.float32)


def test_a_gap_in_the_sound_is_filled_and_the_rest_stays(avatar: Avatar) -> None:
    sound = voice_sound(2.0)
    filled = avatar.fill_gaps(TEXT, sound, latents(avatar, 50), sound_gaps=[(0.8, 1.2)])
    assert filled.sound.shape == sound.shape and len(filled.faces) == 50
    changed = np.flatnonzero(np.abs(filled.sound - sound) > 1e-6) / 24000
    assert 0.75 < changed.min() < 0.81 and 1.19 < changed.max() < 1.25
    # What lay in the gap is not looked at.
    hidden = sound.copy()
    hidden[round(0.85 * 24000) : round(1.15 * 24000)] = 0
    again = avatar.fill_gaps(TEXT, hidden, latents(avatar, 50), sound_gaps=[(0.8, 1.2)])
    middle = np.s_[round(0.9 * 24000) : round(1.1 * 24000)]
    assert np.abs(again.sound[middle] - filled.sound[middle]).max() < 0.2
    assert filled.sound[middle].any()


def test_a_gap_in_the_motion_is_filled_from_the_sound(avatar: Avatar) -> None:
    motion = latents(avatar, 50)
    filled = avatar.fill_gaps(TEXT, voice_sound(2.0), motion, motion_gaps=[(0.8, 1.2)])
    np.testing.assert_array_equal(filled.sound, voice_sound(2.0))
    made = avatar.bundle.motion.encode_faces(filled.faces)
    np.testing.assert_allclose(made[:20], motion[:20], atol=1e-4)
    np.testing.assert_allclose(made[30:], motion[30:], atol=1e-4)
    assert not np.isclose(made[20:30], motion[20:30], atol=1e-3).any(axis=1).all()


def test_what_does_not_fit_is_refused(avatar: Avatar) -> None:
    with pytest.raises(InvalidInput, match=r"sound lasts 2.00 s and the motion 1.00 s"):
        avatar.fill_gaps(TEXT, voice_sound(2.0), latents(avatar, 25))
    with pytest.raises(InvalidInput, match=r"from 1.5 to 2.5 s does not lie within"):
        avatar.fill_gaps(TEXT, voice_sound(2.0), latents(avatar, 50), sound_gaps=[(1.5, 2.5)])
    with Avatar(toy_bundle()) as phonemes, pytest.raises(NotSupported, match="reads phonemes"):
        phonemes.fill_gaps(TEXT, voice_sound(2.0), latents(phonemes, 50))
