from __future__ import annotations

import numpy as np
import pytest
import soxr

from jamflow_rt.hear.bands import BANDS, BandPowers
from jamflow_rt.hear.echo import EchoGate

FRAME = 960
"""Samples at 24 kHz that leave a session at a time."""


def babble(seconds: float, seed: int) -> np.ndarray:
    """Sound at 24 kHz that changes as speech does: coloured noise in syllables, with gaps."""
    random = np.random.default_rng(seed)
    samples = int(seconds * 24_000)
    sound = np.zeros(samples)
    at = 0
    while at < samples:
        length = int(random.uniform(0.06, 0.25) * 24_000)
        spectrum = np.fft.rfft(random.normal(size=length))
        hertz = np.fft.rfftfreq(length, 1 / 24_000)
        spectrum /= 1 + ((hertz - random.uniform(200, 4000)) / random.uniform(200, 900)) ** 2
        syllable = np.fft.irfft(spectrum, length) * np.hanning(length)
        syllable *= random.uniform(0.05, 0.3) / np.abs(syllable).max()
        end = min(samples, at + length)
        sound[at:end] += syllable[: end - at]
        at += int(length * random.choice([0.8, 1.0, 2.0]))
    return sound.astype(np.float32)


def room(sound: np.ndarray, delay: float, gain: float, seed: int = 0) -> np.ndarray:
    """What comes back: later by `delay` seconds, `gain` dB, with 0.3 s of reverberation."""
    random = np.random.default_rng(seed)
    time = np.arange(7200) / 24_000
    response = 0.02 * random.normal(size=7200) * 10 ** (-3 * time / 0.3)
    response[0] = 1.0
    size = 2 ** int(np.ceil(np.log2(len(sound) + 7200)))
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)
    late = np.concatenate([np.zeros(int(delay * 24_000)), wet])[: len(sound)]
    return (late * 10 ** (gain / 20)).astype(np.float32)


def noise(samples: int, seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3e-4, samples).astype(np.float32)


def gated(gate: EchoGate, played: np.ndarray, microphone: np.ndarray) -> np.ndarray:
    """Run both past the gate as they come in. Returns its answers, one for each block."""
    heard = soxr.resample(microphone, 24_000, 16_000).astype(np.float32)
    answers, at = [], 0
    for tick in range(0, len(played) - FRAME + 1, FRAME):
        gate.played(played[tick : tick + FRAME])
        while at + 512 <= (tick + FRAME) * 2 // 3:
            answers.append(gate.near(heard[at : at + 512]))
            at += 512
    return np.array(answers)


def seconds(answers: np.ndarray, start: float, end: float) -> np.ndarray:
    return answers[int(start / 0.032) : int(end / 0.032)]


def test_equal_sounds_have_equal_powers_at_both_rates() -> None:
    sound = babble(2.0, 1)
    one = BandPowers(24_000).push(sound)
    other = BandPowers(16_000).push(soxr.resample(sound, 24_000, 16_000).astype(np.float32))
    assert one.shape == other.shape == (125, BANDS)
    loud = one[2:-2] > 1e-6
    np.testing.assert_allclose(one[2:-2][loud], other[2:-2][loud], rtol=0.1)


@pytest.mark.parametrize("chunk", [1, 384, 1000])
def test_powers_do_not_depend_on_chunks(chunk: int) -> None:
    sound, powers = babble(0.2, 2), BandPowers(24_000)
    rows = [powers.push(sound[at : at + chunk]) for at in range(0, len(sound), chunk)]
    np.testing.assert_allclose(np.concatenate(rows), BandPowers(24_000).push(sound), rtol=1e-4)


def test_white_noise_has_its_variance_in_every_band() -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, 24_000 * 4).astype(np.float32)
    np.testing.assert_allclose(BandPowers(16_000).push(sound)[1:].mean(axis=0), 0.01, rtol=0.15)


@pytest.mark.parametrize(("delay", "gain"), [(0.02, -6.0), (0.2, -20.0), (0.45, 0.0)])
def test_an_echo_is_never_taken_for_the_user(delay: float, gain: float) -> None:
    played = babble(10.0, 4)
    microphone = room(played, delay, gain) + noise(len(played))
    first = int((delay + 0.1) / 0.032)
    assert gated(EchoGate(), played, microphone)[first:].mean() < 0.02


@pytest.mark.parametrize("delay", [0.03, 0.3])
def test_the_user_is_heard_over_the_echo(delay: float) -> None:
    played = babble(12.0, 5)
    user = np.zeros(len(played), np.float32)
    user[24_000 * 8 : 24_000 * 10] = babble(2.0, 6)
    echo = room(played, delay, -12.0)
    answers = gated(EchoGate(), played, echo + user + noise(len(played)))
    assert seconds(answers, 4.0, 8.0).mean() < 0.02
    assert seconds(answers, 8.2, 9.9).mean() > 0.6
    assert seconds(answers, 10.5, 11.9).mean() < 0.05


def test_without_sound_from_the_avatar_everything_is_the_users() -> None:
    played = np.zeros(24_000 * 2, np.float32)
    microphone = babble(2.0, 7) + noise(len(played))
    assert seconds(gated(EchoGate(), played, microphone), 1.0, 2.0).all()


def test_an_echo_of_sound_from_before_the_gate_was_made_is_not_the_users() -> None:
    played = babble(6.0, 16)
    microphone = room(played, 0.3, -10.0) + noise(len(played))
    answers = gated(EchoGate(), played[24_000 * 2 :], microphone[24_000 * 2 :])
    assert answers.mean() < 0.02


def test_with_headphones_the_user_is_heard() -> None:
    played = babble(8.0, 8)
    user = np.zeros(len(played), np.float32)
    user[24_000 * 6 : 24_000 * 7] = 0.3 * babble(1.0, 10)
    answers = gated(EchoGate(), played, user + noise(len(played)))
    assert seconds(answers, 6.2, 7.0).mean() > 0.75


def test_a_loudspeaker_that_is_turned_up_interrupts_for_a_moment_at_most() -> None:
    played = babble(16.0, 11)
    echo = room(played, 0.1, -24.0)
    echo[24_000 * 8 :] *= 4
    answers = gated(EchoGate(), played, echo + noise(len(played)))
    assert seconds(answers, 8.0, 12.0).mean() < 0.2
    assert seconds(answers, 12.0, 16.0).mean() < 0.02


def test_muting_the_microphone_teaches_nothing() -> None:
    played = babble(12.0, 12)
    microphone = room(played, 0.1, -10.0) + noise(len(played))
    microphone[24_000 * 4 : 24_000 * 8] = 0.0
    answers = gated(EchoGate(), played, microphone)
    assert not seconds(answers, 4.2, 8.0).any()
    assert seconds(answers, 8.0, 11.9).mean() < 0.02


def test_after_a_break_of_the_microphone_both_are_set_together_again() -> None:
    gate, played = EchoGate(), babble(16.0, 13)
    microphone = room(played, 0.1, -10.0) + noise(len(played))
    gated(gate, played[: 24_000 * 5], microphone[: 24_000 * 5])
    for at in range(24_000 * 5, 24_000 * 10, FRAME):
        gate.played(played[at : at + FRAME])
    answers = gated(gate, played[24_000 * 10 :], microphone[24_000 * 10 :])
    assert answers.mean() < 0.05


def test_a_session_that_stood_still_is_set_together_again() -> None:
    gate, played = EchoGate(), babble(16.0, 14)
    microphone = room(played, 0.1, -10.0) + noise(len(played))
    gated(gate, played[: 24_000 * 5], microphone[: 24_000 * 5])
    still = [gate.near(noise(512, seed)) for seed in range(156)]
    assert all(still[60:])
    answers = gated(gate, played[24_000 * 5 :], microphone[24_000 * 5 :])
    assert seconds(answers, 1.0, 11.0).mean() < 0.05


def test_reset_forgets_the_path() -> None:
    gate, played = EchoGate(), babble(4.0, 15)
    microphone = room(played, 0.1, -10.0) + noise(len(played))
    first = gated(gate, played, microphone)
    gate.reset()
    np.testing.assert_array_equal(gated(gate, played, microphone), first)
