"""Dubbing: speech that fits given lips and their timing.

What is said when, is found first: the model says the text by itself, and its timeline is warped so
that the mouth it made falls onto the given one. Then motion and text are known, and the sound is
generated: the task `dub` of `jamflow_rt.flow.masking`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import numpy as np
from scipy.ndimage import binary_dilation

from jamflow_rt.beats import BEAT_MOTION, MEL_PER_MOTION, MEL_RATE, MOTION_RATE
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.config import Voice
from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.given_motion import GivenMotion, motion_cells
from jamflow_rt.stream.phrases import dubbed_phrase
from jamflow_rt.stream.rehearsal import rehearse
from jamflow_rt.stream.score import Floats
from jamflow_rt.stream.sources import Piece, Run, text_piece
from jamflow_rt.stream.studio import Studio
from jamflow_rt.text.timeline import Timeline
from jamflow_rt.text.warping import most_frames, warp
from jamflow_rt.text.written import CharacterFront

LONGEST: Final = 180.0
"""Seconds of motion that are dubbed at once: time and memory grow with its square."""
# On clips of GRID with known word times, the gap between the lips told most.
_GAP_WEIGHT: Final = 3.0
_MOVING: Final = 0.08
"""Centimetres a motion frame: a mouth whose lips part or close faster than this is busy."""
_BUSY_FRAMES: Final = 5
"""Motion frames around such a moment in which the mouth is busy as well."""
_IDLE_SHARE: Final = 0.7
"""Share of the busy frames that must be speech: mouths also move a little while nothing is said."""
_LEAST_GAP: Final = 2.0
"""Seconds without text that are never too many."""


class DubSource:
    """A text that is spoken to given motion.

    Args:
        text: checked already.
        motion: all of it.
        speech_id: for the cells.
        voice: who speaks.
        studio: model and threads.
        run: runs a blocking function elsewhere, where it may wait for the engine.
    """

    def __init__(
        self,
        text: str,
        motion: GivenMotion,
        speech_id: str,
        voice: Voice,
        studio: Studio,
        run: Run,
    ) -> None:
        self._text = text
        self._motion = motion
        self._speech_id = speech_id
        self._voice = voice
        self._studio = studio
        self._run = run

    async def pieces(self) -> AsyncIterator[Piece]:
        """See `Source`."""
        piece: Piece = await self._run(
            dub_piece, self._text, self._motion, self._speech_id, self._voice, self._studio
        )
        yield piece

    def cancel(self) -> None:
        """See `Source`."""

    async def aclose(self) -> None:
        """See `Source`."""


def dub_piece(
    text: str, motion: GivenMotion, speech_id: str, voice: Voice, studio: Studio
) -> Piece:
    """Text and motion as cells whose sound is to be generated. Blocks for seconds.

    Raises:
        InvalidInput: the text cannot be read, or is far too long or short for the motion; the
            motion is too long.
        Failed: the engine has died.
    """
    if isinstance(studio.front, CharacterFront) and studio.references is not None:
        # It aligns the text by itself.
        reference = studio.references(voice)
        return dubbed_phrase(studio.front, reference, text, motion, speech_id, voice)
    timeline = _fitted(text, motion.latents, voice, studio)
    words = text_piece(timeline, speech_id, voice.number)
    return replace(words, cells=motion_cells(motion, timeline.ids(), speech_id, voice.number))


def _fitted(text: str, latents: Floats, voice: Voice, studio: Studio) -> Timeline:
    """When each phoneme of a text sounds, if the given mouth says it."""
    space = studio.space
    assert isinstance(space, MotionSpace)  # a model with phonemes moves a mesh
    seconds = len(latents) / MOTION_RATE
    if seconds > LONGEST:
        raise InvalidInput(
            f"The motion lasts {seconds:.0f} s and at most {LONGEST:.0f} s are dubbed at once: "
            "dub it in parts."
        )
    missing = -len(latents) % BEAT_MOTION
    latents = np.concatenate([latents, latents[-1:].repeat(missing, axis=0)])
    rehearsal = rehearse(text, voice, studio)
    most = most_frames(rehearsal.timeline) / MEL_RATE
    busy = busy_seconds(latents, space)
    if busy * _IDLE_SHARE > most + _LEAST_GAP:
        raise InvalidInput(
            f"The text takes {rehearsal.timeline.seconds:.1f} s to say and the motion lasts "
            f"{seconds:.1f} s, with the mouth moving for {busy:.1f} s of it: give more text."
        )
    return warp(
        rehearsal.timeline,
        mouth_features(rehearsal.motion, space),
        mouth_features(latents, space),
        mouth_weights(space),
    )


def mouth_features(latents: Floats, space: MotionSpace) -> Floats:
    """What lips say of time, (15·beats, K) at the mel's rate, of latents (4·beats, D).

    The mouth's latents, the gap between the inner lips, and the speed of each.
    """
    places = np.column_stack([latents[:, : len(space.mouth)], _gaps(latents, space)])
    values = np.concatenate([places, np.gradient(places, axis=0)], axis=1)
    motion = np.arange(len(values))
    mel = np.arange(round(len(values) * MEL_PER_MOTION)) / MEL_PER_MOTION
    return np.stack([np.interp(mel, motion, c) for c in values.T], axis=1).astype(np.float32)


def mouth_weights(space: MotionSpace) -> Floats:
    """(K,) how much each of `mouth_features` counts."""
    places = [1.0] * len(space.mouth) + [_GAP_WEIGHT]
    return np.array(places * 2, np.float32)


def busy_seconds(latents: Floats, space: MotionSpace) -> float:
    """For how long the mouth moves as mouths do that speak."""
    moving = np.abs(np.gradient(_gaps(latents, space))) > _MOVING
    return float(binary_dilation(moving, iterations=_BUSY_FRAMES).sum()) / MOTION_RATE


def _gaps(latents: Floats, space: MotionSpace) -> Floats:
    """(T,) distance between the inner lips."""
    meshes = space.meshes(latents)
    return np.asarray(np.linalg.norm(meshes[:, 13] - meshes[:, 14], axis=-1), np.float32)
