from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.codec.mel import mel_of
from jamflow_rt.stream.score import Cell
from jamflow_rt.stream.sound import OUTLOOK_FRAMES, BeatCutter, SoundSource


def tone(samples: int, rate: int = 24_000) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * 300 * np.arange(samples) / rate)).astype(np.float32)


def joined(cells: list[Cell]) -> tuple[np.ndarray, np.ndarray]:
    sound = np.concatenate([cell.sound for cell in cells if cell.sound is not None])
    return sound, np.concatenate([cell.mel for cell in cells if cell.mel is not None])


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=12))
def test_chunks_of_any_size_give_the_same_cells(sizes: list[int]) -> None:
    pcm = tone(sum(sizes)) + np.linspace(0, 0.3, sum(sizes), dtype=np.float32)
    cutter, at, cells = BeatCutter(24_000, "x"), 0, []
    for size in sizes:
        cells += cutter.push(pcm[at : at + size])
        at += size
    cells += cutter.push(np.zeros(0, np.float32), last=True)
    sound, mel = joined(cells)
    assert len(sound) == -(-len(pcm) // 3840) * 3840
    np.testing.assert_array_equal(sound[: len(pcm)], pcm)
    assert not sound[len(pcm) :].any()
    np.testing.assert_allclose(mel, mel_of(sound), atol=1e-4)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_other_rates_become_24_khz(rate: int) -> None:
    cutter, pcm = BeatCutter(rate, "x"), tone(rate, rate)
    cells = [cell for n in range(0, rate, 441) for cell in cutter.push(pcm[n : n + 441])]
    sound, _ = joined(cells + cutter.push(np.zeros(0, np.float32), last=True))
    assert len(sound) == 7 * 3840
    np.testing.assert_allclose(sound[2000:22_000], tone(24_000)[2000:22_000], atol=0.01)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=20))
def test_the_outlook_is_the_mel_after_the_last_beat(sizes: list[int]) -> None:
    pcm, cutter, at, beats = tone(sum(sizes)), BeatCutter(24_000, "x"), 0, 0
    whole = mel_of(pcm)
    for size in sizes:
        cells = cutter.push(pcm[at : at + size])
        at += size
        beats += len(cells)
        assert cutter.outlook is not None
        if cells:
            assert OUTLOOK_FRAMES <= len(cutter.outlook) < OUTLOOK_FRAMES + 15
            seen = whole[15 * beats :][: len(cutter.outlook)]
            np.testing.assert_allclose(cutter.outlook, seen, atol=1e-4)
    cutter.push(np.zeros(0, np.float32), last=True)
    assert cutter.outlook is None


async def test_a_source_tells_its_outlook_until_it_is_finished() -> None:
    async def run(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    source = SoundSource(24_000, "x", run)
    source.push(tone(7000))
    pieces = source.pieces()
    first = await anext(pieces)
    assert len(first.cells) == 1
    # 512 samples more are needed to make a frame certain.
    assert first.outlook is not None and len(first.outlook) == (7000 - 3840 - 512) // 256
    source.push(tone(100))
    source.finish()
    last = await anext(pieces)
    assert (len(last.cells), last.outlook) == (1, None)
    assert [piece async for piece in pieces] == []
