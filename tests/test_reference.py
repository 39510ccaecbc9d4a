from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jamflow_rt.beats import BEAT_MEL, BEAT_SAMPLES, HOP
from jamflow_rt.codec.whitening import SILENCE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream import reference as module
from jamflow_rt.stream.reference import Reference, check_reference
from jamflow_rt.text.phonemes import symbol_ids
from tests.echo_engine import EchoEngine, EchoFront, echo_studio, faces, sounds
from tests.stream_fakes import find_voice

TEXT = "abcdef hij klmno"
LOW, HIGH = find_voice("low"), find_voice("high")
PREFIX = 4


def said(factor: float = 1.5, silence: int = 60) -> np.ndarray:
    """Phoneme ids of the text said slower, with silence around it; whole beats."""
    ids = EchoFront().timeline(TEXT).ids()
    places = (np.arange(round(len(ids) * factor)) / factor).astype(int)
    stretched = np.concatenate([np.zeros(silence, np.int32), ids[places]])
    return np.pad(stretched, (0, -len(stretched) % BEAT_MEL))


def sound_of(ids: np.ndarray) -> np.ndarray:
    return np.full(len(ids) * HOP, 0.1, np.float32)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """What is said, with its mel in place of the sound's."""
    ids = said()
    monkeypatch.setattr(module, "mel_of", lambda sound: sounds(ids, voice=2))
    return ids


def test_a_primer_is_the_end_of_the_last_word(heard: np.ndarray) -> None:
    studio = echo_studio()
    checked = check_reference((sound_of(heard), TEXT), studio)
    primer = checked.continuation(studio, LOW).primer
    end = int(np.flatnonzero(heard)[-1]) + 1
    frames = PREFIX * BEAT_MEL
    assert primer.text.shape == (frames,) and primer.mel.shape == (frames, 100)
    assert primer.text.dtype == np.int32 and primer.motion is None
    assert primer.text[-1] != 0
    # The last word's end is found to a frame or two.
    shifts = [
        np.array_equal(primer.mel, sounds(heard[end + n - frames : end + n], voice=2))
        for n in range(-2, 3)
    ]
    assert any(shifts)


def test_its_motion_is_that_of_the_same_time(heard: np.ndarray) -> None:
    studio = echo_studio()
    ramp = np.arange(len(heard) * 4 // 15, dtype=np.float32)[:, None].repeat(9, axis=1)
    checked = check_reference((sound_of(heard), TEXT, ramp), studio)
    primer = checked.continuation(studio, LOW).primer
    end = int(np.flatnonzero(heard)[-1]) + 1
    assert primer.motion is not None and primer.motion.shape == (PREFIX * 4, 9)
    np.testing.assert_allclose(np.diff(primer.motion[:, 0]), 1.0, atol=1e-4)
    assert primer.motion[0, 0] == pytest.approx((end - PREFIX * BEAT_MEL) / 3.75, abs=0.6)


def test_motion_that_ends_before_the_last_word_is_refused(heard: np.ndarray) -> None:
    studio = echo_studio()
    checked = check_reference((sound_of(heard), TEXT, faces(heard)[:20]), studio)
    with pytest.raises(InvalidInput, match=r"motion of the reference lasts 0\.80 s"):
        checked.continuation(studio, LOW)


def test_one_of_our_voices_is_recognised(heard: np.ndarray) -> None:
    engine = EchoEngine()
    studio = echo_studio(engine)
    checked = check_reference((sound_of(heard), TEXT), studio)
    known = checked.continuation(replace(studio, voices=(LOW, HIGH)), LOW)
    assert known.voice == HIGH.number
    assert known.primer.mel.shape == (PREFIX * BEAT_MEL, 100)
    assert checked.continuation(replace(studio, voices=(LOW,)), LOW).voice == 0, "nobody we know"
    assert checked.continuation(studio, LOW).voice == 0, "nobody was named"


def test_a_word_that_ends_early_has_silence_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.pad(EchoFront().timeline("abcde").ids(), (0, 30))
    monkeypatch.setattr(module, "mel_of", lambda sound: sounds(ids))
    studio = echo_studio()
    motion = faces(ids)
    primer = (
        check_reference((sound_of(ids), "abcde", motion), studio).continuation(studio, LOW).primer
    )
    before = PREFIX * BEAT_MEL - 27
    np.testing.assert_array_equal(primer.text[: before - 2], 0)
    np.testing.assert_array_equal(primer.mel[: before - 2], np.float32(SILENCE))
    assert primer.text[-1] == symbol_ids("e")[0]
    assert primer.motion is not None and primer.motion.shape == (16, 9)


def test_other_rates_and_int16_are_brought_to_whole_beats() -> None:
    studio = echo_studio()
    tone = np.sin(np.arange(16_000) / 5)
    for pcm in (tone.astype(np.float32), (tone * 32767).astype(np.int16)):
        mel = check_reference(Reference(pcm, 16_000, TEXT), studio)._mel()
        assert mel.shape == (7 * BEAT_MEL, 100)
        assert mel[10].max() > 0 > mel[-5].max()


SOUND = np.full(BEAT_SAMPLES * 5, 0.1, np.float32)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ((np.zeros(0, np.float32), TEXT), "empty"),
        ((np.zeros(BEAT_SAMPLES * 5, np.float32), TEXT), "silent"),
        ((SOUND[: BEAT_SAMPLES * 3], TEXT), r"0\.48 s; from 0\.64 to 30 s"),
        ((np.tile(SOUND, 50), TEXT), r"40\.00 s"),
        ((SOUND, "…"), "nothing to say"),
        ((SOUND, "Привет"), "П"),
        ((SOUND, TEXT, np.zeros((4, 3), np.float32)), "motion|Motion"),
        ((SOUND, None), "A reference is"),
        ((SOUND,), "A reference is"),
        ("me.wav", "A reference is"),
        (Reference(SOUND, 100, TEXT), "sample rate of 100"),
    ],
)
def test_what_cannot_be_a_reference_is_refused(given: Any, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        check_reference(given, echo_studio())
