"""How lively and how smooth a face moves, to be compared with a real one's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.codec.face import FaceState
from jamflow_rt.render.topology import EYES

_BLINK = 0.5
"""Share of the usual eye opening below which an eye counts as shut."""
_LEAST_FRAMES = 4


@dataclass(frozen=True, slots=True)
class Motion:
    """Averages over sequences of faces. Lengths are centimetres of an average face."""

    lip_range: float
    """From the 10th to the 90th percentile of the inner-lip gap."""
    lip_speed: float
    """Mean change of the gap, a second."""
    lip_roughness: float
    """Mean change of that speed between frames over the mean speed: 2 is a zigzag."""
    head_range: float
    """Standard deviation of the head's rotation, degrees."""
    head_speed: float
    """Mean turning, degrees a second."""
    head_roughness: float
    """As `lip_roughness`, of the head's rotation."""
    blinks: float
    """A minute."""


_AVERAGED = tuple(field.name for field in fields(Motion) if field.name != "blinks")


def measure_motion(sequences: Iterable[Sequence[FaceState]]) -> Motion | None:
    """Figures of sequences of faces at 25 a second; None when none has four frames."""
    rows, blinks, frames = [], 0, 0
    for faces in sequences:
        if len(faces) < _LEAST_FRAMES:
            continue
        gaps = np.array([face.inner_lip_gap() for face in faces])
        turns = np.degrees(np.array([face.rotation for face in faces], np.float64))
        lip_steps = np.diff(gaps)[:, None]
        head_steps = np.diff(turns, axis=0)
        rows.append(
            (
                float(np.percentile(gaps, 90) - np.percentile(gaps, 10)),
                float(np.linalg.norm(lip_steps, axis=1).mean() * MOTION_RATE),
                _roughness(lip_steps),
                float(np.linalg.norm(turns.std(0))),
                float(np.linalg.norm(head_steps, axis=1).mean() * MOTION_RATE),
                _roughness(head_steps),
            )
        )
        blinks += _count_blinks(faces)
        frames += len(faces)
    if not rows:
        return None
    means = np.array(rows).mean(0).tolist()
    return Motion(
        **dict(zip(_AVERAGED, means, strict=True)), blinks=blinks * 60 * MOTION_RATE / frames
    )


def _roughness(steps: np.ndarray) -> float:
    speed = np.linalg.norm(steps, axis=1).mean()
    return float(np.linalg.norm(np.diff(steps, axis=0), axis=1).mean() / max(speed, 1e-9))


def _count_blinks(faces: Sequence[FaceState]) -> int:
    """Times at which the eyes shut."""
    openings = np.array(
        [
            np.mean(
                [
                    np.linalg.norm(face.landmarks[eye.upper[4]] - face.landmarks[eye.lower[4]])
                    for eye in EYES
                ]
            )
            for face in faces
        ]
    )
    shut = openings < _BLINK * np.median(openings)
    return int(np.count_nonzero(shut[1:] & ~shut[:-1]))
