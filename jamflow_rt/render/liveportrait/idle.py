"""What a face does of its own: the motion that JAM-Flow is given and does not generate."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.codec.keypoints import N_KEYPOINTS, KeypointTrack
from jamflow_rt.errors import InvalidInput

Floats = NDArray[np.float32]

_SECONDS: Final = 16.0
_BLINKS: Final = (1.1, 4.6, 7.2, 11.9, 14.1)
"""Seconds at which a blink begins: people blink about 17 times a minute."""
_BLINK: Final = 0.28
_CLOSED: Final = {(11, 1): 0.0144, (15, 1): 0.0144, (13, 1): -0.0027, (16, 1): -0.0027}
"""δ of closed eyes; see `jamflow_rt.codec.keypoint_map`."""
_SWAY: Final = np.radians([1.2, 1.6, 0.8])
"""Radians that the head turns about x, y and z at most."""


@lru_cache(maxsize=1)
def idle_template() -> KeypointTrack:
    """Blinks and a slowly moving head, 16 s, relative to a face at rest. Made by rule."""
    time = np.arange(round(_SECONDS * MOTION_RATE)) / MOTION_RATE
    expression = np.zeros((len(time), N_KEYPOINTS, 3), np.float32)
    lids = np.zeros(len(time))
    for start in _BLINKS:
        within = np.clip((time - start) / _BLINK, 0, 1)
        lids = np.maximum(lids, np.sin(np.pi * within) ** 2)
    for place, closed in _CLOSED.items():
        expression[:, *place] = lids * closed
    # Slow waves without a common period, calm at the beginning.
    waves = [
        np.sin(2 * np.pi * time / period) * np.sin(2 * np.pi * time / (3.7 * period))
        for period in (5.3, 7.1, 4.1)
    ]
    rotation = (np.stack(waves, axis=1) * _SWAY).astype(np.float32)
    ones = np.ones(len(time), np.float32)
    return KeypointTrack(expression, rotation, np.zeros((len(time), 2), np.float32), ones)


def onto(source: Floats, template: KeypointTrack) -> KeypointTrack:
    """A template's motion, relative to its beginning, on a face with the expression (21, 3)."""
    moved = template.expression - template.expression[:1] + source
    return KeypointTrack(
        moved.astype(np.float32), template.rotation, template.translation, template.scale
    )


def load_template(path: Path, name: str = "") -> KeypointTrack:
    """A motion template of LivePortrait, as arrays in an .npz, at 25 frames a second.

    Args:
        path: holds `exp` (T, 21, 3), `R` (T, 3, 3), `t` (T, 3), `scale` (T, 1) and `fps`. Pickles
            are not read: they could run code.
        name: put before each, as `name_exp`, where the file holds several.

    Raises:
        InvalidInput: it is missing or damaged, or holds no such template.
    """
    begin = f"{name}_" if name else ""
    try:
        with np.load(path, allow_pickle=False) as file:
            read = {key: np.asarray(file[begin + key]) for key in ("exp", "R", "t", "scale", "fps")}
    except (OSError, KeyError, ValueError) as error:
        raise InvalidInput(f"{path} holds no motion template {name!r}: {error}") from error
    turned = Rotation.from_matrix(read["R"] @ read["R"][0].T)
    # Row vectors are multiplied by R, our rotations turn column vectors.
    rotation = turned.inv().as_rotvec()
    scale = read["scale"].reshape(-1) / read["scale"].reshape(-1)[0]
    shift = np.zeros((len(rotation), 2))
    seconds = (len(rotation) - 1) / float(read["fps"])
    places = np.arange(int(seconds * MOTION_RATE) + 1) / MOTION_RATE * float(read["fps"])

    def at_our_rate(values: NDArray[np.float64]) -> Floats:
        flat = values.reshape(len(values), -1)
        own = np.arange(len(values))
        made = np.stack([np.interp(places, own, column) for column in flat.T], axis=1)
        return made.reshape(len(places), *values.shape[1:]).astype(np.float32)

    return KeypointTrack(
        at_our_rate(read["exp"]), at_our_rate(rotation), at_our_rate(shift), at_our_rate(scale)
    )
