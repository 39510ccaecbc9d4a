"""The `liveportrait` motion space: the paper's mouth keypoints ⇄ FaceState.

JAM-Flow generates four of LivePortrait's 21 implicit keypoints, those of the mouth, as offsets δ
(12 numbers a frame); the offsets of the other 17 (51 numbers) and the pose of the head are given,
by a photograph with a motion template, or by a driving video (facts: paper section 3, figure 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from jamflow_rt.codec.face import FaceState, Keypoints
from jamflow_rt.codec.space import check_latents
from jamflow_rt.config import MotionGroup
from jamflow_rt.errors import InvalidInput

Floats = NDArray[np.float32]

N_KEYPOINTS = 21
MOUTH = (14, 17, 19, 20)
"""The mouth's keypoints: those of LivePortrait's lips that move (6 and 12 never do)."""
REST = tuple(index for index in range(N_KEYPOINTS) if index not in MOUTH)
"""All others, the paper's e_rest."""


class MeshMap(Protocol):
    """Expressions of keypoints ⇄ the face mesh; `jamflow_rt.codec.keypoint_map` has one."""

    neutral: Floats
    """(478, 3) the mesh of no expression."""

    def meshes(self, expressions: Floats) -> Floats:
        """(T, 478, 3) of expressions (T, 21, 3)."""
        ...

    def expressions(self, meshes: Floats) -> Floats:
        """(T, 21, 3) of meshes (T, 478, 3)."""
        ...


@dataclass(frozen=True)
class KeypointTrack:
    """The part of a face's motion that is given: what a photograph or a driving video does.

    Frames are 25 a second. Poses are relative to the source's own: zero turns nothing.
    """

    expression: Floats
    """(N, 21, 3) absolute δ; of it the mouth is only a past to go on from."""
    rotation: Floats
    """(N, 3) rotation vectors, as `FaceState.rotation`."""
    translation: Floats
    """(N, 2) as `FaceState.translation`."""
    scale: Floats
    """(N,)"""
    video: bool = False
    """It is a driving video: each frame has a picture of its own."""

    def __post_init__(self) -> None:
        count = len(self.expression)
        wanted = {
            "expression": (count, N_KEYPOINTS, 3),
            "rotation": (count, 3),
            "translation": (count, 2),
            "scale": (count,),
        }
        for name, shape in wanted.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise InvalidInput(f"KeypointTrack.{name} has shape {array.shape}, not {shape}.")
            if not np.isfinite(array).all():
                raise InvalidInput(f"KeypointTrack.{name} holds NaN or infinite numbers.")
        if not count:
            raise InvalidInput("A KeypointTrack needs at least one frame.")

    @classmethod
    def still(cls, expression: Floats) -> KeypointTrack:
        """A face that holds its expression (21, 3)."""
        zero = np.zeros((1, 3), np.float32)
        ones = np.ones(1, np.float32)
        return cls(expression[None].astype(np.float32), zero, zero[:, :2], ones)

    @classmethod
    def of(cls, faces: Sequence[FaceState]) -> KeypointTrack | None:
        """What given faces do; None where some of them are meshes only."""
        expressions = [face.keypoints.expression for face in faces if face.keypoints is not None]
        if len(expressions) < len(faces):
            return None
        return cls(
            np.stack(expressions).astype(np.float32),
            np.stack([face.rotation for face in faces]).astype(np.float32),
            np.stack([face.translation for face in faces]).astype(np.float32),
            np.array([face.scale for face in faces], np.float32),
        )

    def frames(self, first: int, count: int) -> NDArray[np.int64]:
        """The track's frames at `first`, `first` + 1, … of a performance.

        It runs to its end and back again, so that it never jumps; before the beginning it stands.
        """
        places = np.maximum(np.arange(first, first + count), 0)
        period = max(1, 2 * (len(self.expression) - 1))
        places = places % period
        return np.minimum(places, period - places) if period > 1 else places


def _still() -> KeypointTrack:
    return KeypointTrack.still(np.zeros((N_KEYPOINTS, 3), np.float32))


@dataclass(frozen=True)
class KeypointSpace:
    """Whitened mouth numbers ⇄ faces. Immutable; each session has one that follows its track."""

    mean: Floats
    """(12,) the average of the four keypoints' δ."""
    std: Floats
    """(12,) their spread; at least 1e-6, since one of LivePortrait's numbers never moves."""
    mesh: MeshMap
    """Gives faces their landmarks."""
    track: KeypointTrack = field(default_factory=_still)
    """What all but the mouth does."""

    def following(self, track: KeypointTrack) -> KeypointSpace:
        """The same space, for a face of which `track` is given."""
        return replace(self, track=track)

    @property
    def groups(self) -> tuple[MotionGroup, ...]:
        """All that is generated is the mouth."""
        return (MotionGroup(name="mouth", size=self.size),)

    @property
    def size(self) -> int:
        """Numbers a motion frame."""
        return 3 * len(MOUTH)

    @property
    def rest(self) -> Floats:
        """(12,) the latent of a mouth without expression."""
        return np.asarray(-self.mean / self.std, np.float32)

    @property
    def neutral(self) -> Floats:
        """(478, 3) the mesh at rest."""
        return self.mesh.neutral

    def given(self, first: int, count: int) -> Floats:
        """(count, 51) the given numbers from that frame of a performance on: e_rest."""
        expressions = self.track.expression[self.track.frames(first, count)][:, REST]
        return np.asarray(expressions.reshape(count, -1), np.float32)

    def decode(self, latents: Floats, first: int = 0) -> list[FaceState]:
        """Faces of latents (T, 12), the first at that frame of the performance.

        Raises:
            InvalidInput: the latents have another width, or hold NaN.
        """
        check_latents(latents, self.size)
        track = self.track
        places = track.frames(first, len(latents))
        expressions = track.expression[places].copy()
        expressions[:, MOUTH] = (latents * self.std + self.mean).reshape(-1, len(MOUTH), 3)
        meshes = self.mesh.meshes(expressions)
        return [
            FaceState(
                meshes[i],
                track.rotation[place],
                track.translation[place],
                float(track.scale[place]),
                Keypoints(expressions[i], int(place) if track.video else 0),
            )
            for i, place in enumerate(places)
        ]

    def steady(self, latents: Floats) -> Floats:
        """The same motion: there is no head in it."""
        return latents

    def encode_expressions(self, expressions: Floats) -> Floats:
        """Latents (T, 12) of expressions (T, 21, 3)."""
        mouth = expressions[:, MOUTH].reshape(len(expressions), -1)
        return np.asarray((mouth - self.mean) / self.std, np.float32)

    def encode_faces(self, faces: Sequence[FaceState]) -> Floats:
        """Latents (T, 12) of faces: of their keypoints, or of their mesh where they have none."""
        expressions = [
            self.mesh.expressions(face.landmarks[None])[0]
            if face.keypoints is None
            else face.keypoints.expression
            for face in faces
        ]
        return self.encode_expressions(np.stack(expressions))

    def save(self, path: Path) -> None:
        """Write mean and spread as safetensors; the map to the mesh comes with the package."""
        save_file({"mean": self.mean, "std": self.std}, str(path), {"kind": "liveportrait"})

    @classmethod
    def load(cls, path: Path, mesh: MeshMap) -> KeypointSpace:
        """Read a space that `save` wrote.

        Raises:
            KeyError: the file holds another space.
        """
        with safe_open(str(path), framework="numpy") as file:
            return cls(file.get_tensor("mean"), file.get_tensor("std"), mesh)
