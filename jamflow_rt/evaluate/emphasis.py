"""Do head and brows move more where a word is emphasised?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import HOP as MEL_HOP
from jamflow_rt.beats import MEL_RATE, MOTION_RATE
from jamflow_rt.codec.face import FaceState
from jamflow_rt.evaluate.pitch import HOP as PITCH_HOP
from jamflow_rt.evaluate.pitch import track_pitch
from jamflow_rt.evaluate.take import Take
from jamflow_rt.train.brows import BROWS
from jamflow_rt.train.gestures import Accent, find_accents
from jamflow_rt.train.teachers import F0_SAMPLES

_BEFORE, _AFTER = 0.15, 0.3
"""Seconds around an emphasised vowel in which a gesture belongs to it."""
_MILLIMETRES = 10.0


@dataclass(frozen=True, slots=True)
class Emphasis:
    """Largest movement within 0.45 s at emphasised vowels, and the same anywhere else in speech."""

    words: int
    brows: float
    """Height of the brows above the take's lowest, mm (outer eye corners 88 apart)."""
    brows_elsewhere: float
    nod: float
    """Degrees that the head's pitch moves."""
    nod_elsewhere: float


def measure_emphasis(takes: Iterable[Take]) -> Emphasis | None:
    """Measure takes with faces and phonemes; None when nothing in them is emphasised."""
    at: list[tuple[float, float]] = []
    elsewhere: list[tuple[float, float]] = []
    for take in takes:
        if not take.faces or not take.phonemes:
            continue
        accents = accents_of(take)
        brows = np.array([_brow_height(face) for face in take.faces])
        brows = brows - brows.min()
        head = np.degrees([float(face.rotation[0]) for face in take.faces])
        spoken = [p for p in take.phonemes if p.symbol.strip()]
        end = spoken[-1].end / MEL_RATE if spoken else 0.0
        for time in np.arange(_BEFORE, end - _AFTER, 0.2):
            span = slice(
                round((time - _BEFORE) * MOTION_RATE), round((time + _AFTER) * MOTION_RATE)
            )
            if all(abs(time - a.time) > _BEFORE + _AFTER for a in accents):
                elsewhere.append((float(brows[span].max()), float(np.ptp(head[span]))))
        for accent in accents:
            first = max(round((accent.time - _BEFORE) * MOTION_RATE), 0)
            span = slice(first, round((accent.time + _AFTER) * MOTION_RATE))
            if len(brows[span]):
                at.append((float(brows[span].max()), float(np.ptp(head[span]))))
    if not at or not elsewhere:
        return None
    (brow, nod), (brow_else, nod_else) = np.mean(at, 0), np.mean(elsewhere, 0)
    return Emphasis(len(at), float(brow), float(brow_else), float(nod), float(nod_else))


def accents_of(take: Take) -> list[Accent]:
    """The emphasised vowels of a take, found in its own sound."""
    pitch = track_pitch(take.sound)
    steps = int(len(take.sound) / F0_SAMPLES)
    places = np.minimum(np.arange(steps) * F0_SAMPLES // PITCH_HOP, len(pitch) - 1)
    seconds = np.array([p.end - p.start for p in take.phonemes], np.float32) / MEL_RATE
    symbols = [p.symbol for p in take.phonemes]
    return find_accents(
        symbols, seconds.astype(np.float32), pitch[places].astype(np.float32), _loudness(take.sound)
    )


def _loudness(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    frames = len(sound) // MEL_HOP
    blocks = sound[: frames * MEL_HOP].reshape(frames, MEL_HOP)
    level = np.log(np.sqrt(np.square(blocks).mean(1)) + 1e-5)
    return np.asarray(level, np.float32)


def _brow_height(face: FaceState) -> float:
    return -_MILLIMETRES * float(face.landmarks[np.concatenate(BROWS), 1].mean())
