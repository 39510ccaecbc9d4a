"""How a voice moves: its height, its range, and whether questions rise at their end.

Pitch is found by autocorrelation (Boersma 1993: the frame's autocorrelation over the window's), a
hundred times a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.evaluate.take import Take

HOP = SAMPLE_RATE // 100
LOWEST, HIGHEST = 60.0, 500.0
ENDING = 0.4
"""Seconds of voiced speech that make the end of a sentence."""
_FRAME = 3 * int(SAMPLE_RATE / LOWEST)
_FFT = 4096
_VOICED = 0.55
"""Least normalised autocorrelation of a voiced frame."""
_QUIET_DB = -35.0
_OCTAVE_COST = 0.03
"""How much better a period of twice the length must fit to be believed."""
_FAR = 9.0
"""Semitones from the take's median beyond which a frame counts as mistaken."""
_LEAST_RUN = 5
_LEAST_ENDING = 12


@dataclass(frozen=True, slots=True)
class Pitch:
    """Pitch over a set of takes."""

    median: float
    """Hz."""
    spread: float
    """Standard deviation within a take, semitones, averaged over takes."""
    questions: int
    question_rise: float | None
    """Mean slope over the voiced frames of the last 0.4 s of voice, semitones a second."""
    statements: int
    statement_rise: float | None


def track_pitch(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Pitch of mono sound (N,) at 24 kHz every 10 ms in Hz, (N // 240,); 0 where unvoiced."""
    frames = len(sound) // HOP
    if not frames:
        return np.zeros(0)
    padded = np.pad(sound.astype(np.float64), (_FRAME // 2, _FRAME))
    window = np.hanning(_FRAME)
    blocks = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[: frames * HOP : HOP]
    blocks = blocks - blocks.mean(1, keepdims=True)
    energy = np.square(blocks).mean(1)
    loud = 10 * np.log10(energy / max(energy.max(), 1e-12) + 1e-12) > _QUIET_DB
    shape = _autocorrelation(window[None])[0]
    curve = _autocorrelation(blocks * window) / np.maximum(shape, 1e-3)
    shortest, longest = int(SAMPLE_RATE / HIGHEST), int(SAMPLE_RATE / LOWEST)
    lags = np.arange(shortest, longest + 1)
    inside = curve[:, shortest : longest + 1]
    peaks = (inside > curve[:, shortest - 1 : longest]) & (
        inside >= curve[:, shortest + 1 : longest + 2]
    )
    worth = np.where(peaks, inside - _OCTAVE_COST * np.log2(lags / shortest), -np.inf)
    best = worth.argmax(1)
    rows = np.arange(frames)
    voiced = loud & (energy > 1e-8) & peaks[rows, best] & (inside[rows, best] > _VOICED)
    before, at, after = (curve[rows, shortest + best + shift] for shift in (-1, 0, 1))
    bend = before - 2 * at + after
    offset = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.where(bend, bend, 1.0), 0.0)
    return _tidy(np.where(voiced, SAMPLE_RATE / (lags[best] + np.clip(offset, -0.5, 0.5)), 0.0))


def final_rise(pitch: NDArray[np.float64]) -> float | None:
    """Slope at the end of a sentence in semitones a second; None when too little is voiced.

    Args:
        pitch: (frames,) Hz every 10 ms, 0 where unvoiced.
    """
    voiced = np.flatnonzero(pitch)
    if not len(voiced):
        return None
    last = voiced[voiced > voiced[-1] - round(ENDING * 100)]
    if len(last) < _LEAST_ENDING:
        return None
    return float(np.polyfit(last / 100, 12 * np.log2(pitch[last]), 1)[0])


def measure_pitch(takes: Iterable[Take]) -> Pitch | None:
    """Statistics of takes; None when nothing is voiced. The last mark tells a question."""
    hertz, spreads = [], []
    rises: dict[bool, list[float]] = {True: [], False: []}
    for take in takes:
        pitch = track_pitch(take.sound)
        voiced = pitch[pitch > 0]
        if len(voiced) < _LEAST_ENDING:
            continue
        hertz.append(voiced)
        spreads.append(float((12 * np.log2(voiced)).std()))
        mark = take.text.rstrip("\"'”’) ")[-1:]
        rise = final_rise(pitch)
        if mark and rise is not None:
            rises[mark == "?"].append(rise)
    if not hertz:
        return None
    return Pitch(
        median=float(np.median(np.concatenate(hertz))),
        spread=float(np.mean(spreads)),
        questions=len(rises[True]),
        question_rise=float(np.mean(rises[True])) if rises[True] else None,
        statements=len(rises[False]),
        statement_rise=float(np.mean(rises[False])) if rises[False] else None,
    )


def _autocorrelation(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, frame) → (n, frame), 1 at lag 0."""
    power = np.square(np.abs(np.fft.rfft(blocks, _FFT)))
    curve = np.fft.irfft(power, _FFT)[:, :_FRAME]
    return np.asarray(curve / np.maximum(curve[:, :1], 1e-12))


def _tidy(pitch: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without octave errors and without voices shorter than a few frames."""
    voiced = pitch > 0
    if voiced.any():
        semitones = 12 * np.log2(np.where(voiced, pitch, 1.0))
        voiced &= np.abs(semitones - np.median(semitones[voiced])) < _FAR
    edges = np.flatnonzero(np.diff(np.concatenate([[0], voiced.astype(np.int8), [0]])))
    for start, end in edges.reshape(-1, 2):
        if end - start < _LEAST_RUN:
            voiced[start:end] = False
    return np.where(voiced, pitch, 0.0)
