"""Motion from outside: checked, brought into the motion space, cut into beats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, BEAT_SAMPLES
from jamflow_rt.codec.face import N_LANDMARKS, FaceState
from jamflow_rt.codec.space import Space
from jamflow_rt.codec.whitening import silence_mel
from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.score import Cell, Floats
from jamflow_rt.stream.sources import Piece

MotionLike = Sequence[FaceState] | NDArray[np.float32]
"""Faces, or motion latents (T, D), 25 a second."""


class GivenMotion(NamedTuple):
    """Motion as the model knows it and as it is shown."""

    latents: Floats  # (T, D)
    faces: tuple[FaceState, ...]


def check_motion(motion: MotionLike, space: Space) -> GivenMotion:
    """Motion in both forms.

    Args:
        motion: faces, or latents (T, D) of `space`; 25 a second.
        space: motion latents ⇄ faces.

    Raises:
        InvalidInput: it is empty, of another kind or shape, or holds NaN.
    """
    if isinstance(motion, np.ndarray):
        if len(motion) == 0:
            raise InvalidInput("The motion is empty: give at least one frame.")
        latents = motion.astype(np.float32)
        return GivenMotion(latents, tuple(space.decode(latents)))
    faces = tuple(motion)
    if not faces:
        raise InvalidInput("The motion is empty: give at least one frame.")
    for index, face in enumerate(faces):
        if not isinstance(face, FaceState):
            raise InvalidInput(
                f"Frame {index} of the motion is {type(face).__name__}: give FaceState objects, "
                f"or an array (frames, {space.size}) of motion latents."
            )
        if face.landmarks.shape != (N_LANDMARKS, 3):
            raise InvalidInput(
                f"Frame {index} of the motion has landmarks {face.landmarks.shape}; "
                f"({N_LANDMARKS}, 3) are wanted."
            )
    latents = space.encode_faces(faces)
    if not np.isfinite(latents).all():
        raise InvalidInput("The motion holds NaN or infinite numbers.")
    return GivenMotion(latents, faces)


def motion_cells(
    motion: GivenMotion, text: NDArray[np.int32] | None, speech_id: str, voice: int = 0
) -> list[Cell]:
    """Cells of given motion: silent, or with a text that is to be spoken to it.

    Args:
        motion: the last beat is filled up with its last frame.
        text: (15·n,) phoneme ids of as many beats; None for silence.
        speech_id: for the cells.
        voice: row of the model's table of voices.
    """
    missing = -len(motion.faces) % BEAT_MOTION
    latents = np.concatenate([motion.latents, motion.latents[-1:].repeat(missing, axis=0)])
    faces = motion.faces + motion.faces[-1:] * missing
    silent = np.zeros(BEAT_MEL, np.int32)
    cells = []
    for beat in range(len(faces) // BEAT_MOTION):
        frames = slice(beat * BEAT_MOTION, (beat + 1) * BEAT_MOTION)
        cells.append(
            Cell(
                silent if text is None else text[beat * BEAT_MEL : (beat + 1) * BEAT_MEL],
                silence_mel(BEAT_MEL) if text is None else None,
                np.zeros(BEAT_SAMPLES, np.float32) if text is None else None,
                speech_id,
                voice,
                latents[frames],
                faces[frames],
            )
        )
    return cells


class MotionSource:
    """Motion that is pushed in while it is played, in silence.

    Args:
        speech_id: for the cells.
    """

    def __init__(self, speech_id: str) -> None:
        self._speech_id = speech_id
        self._chunks: asyncio.Queue[GivenMotion | None] = asyncio.Queue()

    def push(self, motion: GivenMotion) -> None:
        """More of it."""
        self._chunks.put_nowait(motion)

    def finish(self) -> None:
        """That was all of it."""
        self._chunks.put_nowait(None)

    async def pieces(self) -> AsyncIterator[Piece]:
        """See `Source`."""
        left: GivenMotion | None = None
        while (chunk := await self._chunks.get()) is not None:
            if left is not None:
                chunk = _joined(left, chunk)
            whole = len(chunk.faces) // BEAT_MOTION * BEAT_MOTION
            ready = GivenMotion(chunk.latents[:whole], chunk.faces[:whole])
            left = GivenMotion(chunk.latents[whole:], chunk.faces[whole:])
            if ready.faces:
                yield Piece(motion_cells(ready, None, self._speech_id))
        if left is not None and left.faces:
            yield Piece(motion_cells(left, None, self._speech_id))

    def cancel(self) -> None:
        """See `Source`."""

    async def aclose(self) -> None:
        """See `Source`."""


def _joined(first: GivenMotion, second: GivenMotion) -> GivenMotion:
    return GivenMotion(np.concatenate([first.latents, second.latents]), first.faces + second.faces)
