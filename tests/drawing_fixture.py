"""Figures that the browser's drawing is held against in clients/web/test.

`python -m tests.drawing_fixture` writes them anew; do so when the motion space or the way of the
drawing has changed.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from jamflow_rt.codec.motion import POSE_SIZE, MotionSpace
from jamflow_rt.render.mesh import _head
from jamflow_rt.render.portraits import load_portrait
from jamflow_rt.render.transfer import MotionTransfer
from jamflow_rt.serve.portraits import motion_tensors
from tests.toy import toy_space

FILE = Path(__file__).parents[1] / "clients" / "web" / "test" / "fixtures" / "drawing.safetensors"


def small_space() -> MotionSpace:
    """The shipped space with one number for the mouth and one for the eyes, to keep it small."""
    whole = toy_space()
    return dataclasses.replace(
        whole,
        mouth=whole.mouth[:1],
        eyes=whole.eyes[:1],
        brows=whole.brows[:0],
        rest=np.concatenate(
            [
                whole.rest[:1],
                whole.rest[len(whole.mouth) : len(whole.mouth) + 1],
                whole.rest[-POSE_SIZE:],
            ]
        ),
    )


def tensors() -> dict[str, NDArray[np.float32]]:
    """The space as it is served, two motion frames, and what becomes of them.

    Adds `portrait` (478, 3) to the tensors of the space, and for each of the F frames `latents`
    (F, D), `landmarks` and `moved` (F, 478, 3), `pose` (F, 6), and of the head `turn` (F, 6) and
    `slide` (F, 2).
    """
    space = small_space()
    latents = np.stack([space.rest, space.rest])
    # An open mouth on a head that turns far; a blink on one that comes near and tilts.
    latents[0] += np.array([-4, -1, 1, -9, 2, 8, -6, 5], np.float32)
    latents[1] += np.array([1, 4, -3, 4, 20, -3, 2, 60], np.float32)
    faces = space.decode(latents)
    rest = load_portrait().landmarks
    transfer = MotionTransfer(rest, space.neutral)
    heads = [_head(face) for face in faces]
    pose = [[*face.rotation, *face.translation, face.scale] for face in faces]
    found = {
        "portrait": rest,
        "latents": latents,
        "landmarks": np.stack([face.landmarks for face in faces]),
        "moved": np.stack([transfer(face.landmarks) for face in faces]),
        "pose": np.array(pose),
        "turn": np.stack([turn.ravel() for turn, _ in heads]),
        "slide": np.stack([slide for _, slide in heads]),
    }
    return motion_tensors(space) | {
        key: np.ascontiguousarray(array, np.float32) for key, array in found.items()
    }


if __name__ == "__main__":
    FILE.write_bytes(save(tensors()))
