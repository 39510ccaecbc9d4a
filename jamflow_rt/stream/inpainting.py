"""Gaps in a recording are filled: cross-modal reconstruction, the task JAM-Flow is trained by.

Where the sound is missing, it is generated from text and lips; where the motion is missing, from
the sound. What is known stays as it is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from jamflow_rt.beats import (
    BEAT_MEL,
    BEAT_MOTION,
    BEAT_SAMPLES,
    HOP,
    MEL_RATE,
    MOTION_RATE,
    SAMPLE_RATE,
    SAMPLES_PER_MOTION,
)
from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.keypoints import KeypointSpace, KeypointTrack
from jamflow_rt.codec.mel import mel_of
from jamflow_rt.codec.pcm import check_pcm
from jamflow_rt.errors import InvalidInput, NotSupported
from jamflow_rt.flow.noise import window_noise
from jamflow_rt.flow.window import Window, WindowResult
from jamflow_rt.stream.given_motion import MotionLike, check_motion
from jamflow_rt.stream.offline import PATIENCE
from jamflow_rt.stream.score import Floats
from jamflow_rt.stream.studio import Studio
from jamflow_rt.text.written import CharacterFront

LONGEST: Final = 30.0
"""Seconds of a recording: what F5-TTS was trained on."""
_BLEND: Final = SAMPLE_RATE // 50
"""Samples over which a filled gap goes over into the sound around it: 20 ms."""

Gap = tuple[float, float]
"""Seconds from, seconds to."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Sound and faces of the same time."""

    sound: Floats
    """(N,) at 24 kHz."""
    faces: tuple[FaceState, ...]
    """25 a second."""


def fill_gaps(
    studio: Studio,
    text: str,
    sound: Floats,
    motion: MotionLike,
    *,
    sound_gaps: Sequence[Gap] = (),
    motion_gaps: Sequence[Gap] = (),
    seed: int = 0,
) -> Recording:
    """Generate what is missing of a recording. Blocks.

    Args:
        studio: a model that reads characters, and so aligns the text with the recording by itself.
        text: what is said in all of it, the gaps included.
        sound: (N,) at 24 kHz; what lies in a gap is not looked at.
        motion: faces or latents, 25 a second, for all of the sound.
        sound_gaps: where sound is generated.
        motion_gaps: where motion is.
        seed: of the noise.

    Raises:
        InvalidInput: sound, motion or a gap cannot be used.
        NotSupported: the model reads phonemes.
    """
    front = studio.front
    if not isinstance(front, CharacterFront):
        raise NotSupported(
            "Gaps are filled by models that read characters (F5-TTS's); this one reads phonemes. "
            "Its dub() generates all of the sound for given motion."
        )
    sound = check_pcm(sound, SAMPLE_RATE)
    given = check_motion(motion, studio.space)
    seconds = len(sound) / SAMPLE_RATE
    if seconds > LONGEST or abs(len(given.faces) / MOTION_RATE - seconds) > 0.25:
        raise InvalidInput(
            f"The sound lasts {seconds:.2f} s and the motion {len(given.faces) / MOTION_RATE:.2f} "
            f"s: give both of one recording, of up to {LONGEST:g} s."
        )
    beats = -(-len(sound) // BEAT_SAMPLES)
    padded = np.pad(sound, (0, beats * BEAT_SAMPLES - len(sound)))
    missing = max(0, beats * BEAT_MOTION - len(given.latents))
    latents = np.concatenate([given.latents, given.latents[-1:].repeat(missing, axis=0)])
    latents = latents[: beats * BEAT_MOTION]
    mel_masked = _inside(sound_gaps, beats * BEAT_MEL, MEL_RATE, seconds)
    free = _inside(motion_gaps, beats * BEAT_MOTION, MOTION_RATE, seconds)
    mel_noise, motion_noise = window_noise(seed, 0, beats, studio.space.size)
    space = studio.space
    track = KeypointTrack.of(given.faces)
    if isinstance(space, KeypointSpace) and track is not None:
        space = space.following(track)
    window = Window(
        text=front.fitted(text, beats * BEAT_MEL).ids(),
        mel=mel_of(padded),
        mel_masked=mel_masked,
        motion=latents,
        motion_masked=np.tile(free[:, None], (1, len(space.groups))),
        mel_noise=mel_noise,
        motion_noise=motion_noise,
        given=space.given(0, beats * BEAT_MOTION),
    )

    def finish(result: WindowResult) -> Recording:
        filled = studio.vocoder.decode(result.mel)
        share = _share(mel_masked, len(filled))
        mixed = (1 - share) * padded + share * filled
        faces = tuple(space.decode(result.motion))
        kept = tuple(
            faces[i] if free[i] or i >= len(given.faces) else given.faces[i]
            for i in range(len(faces))
        )
        frames = -(-len(sound) // SAMPLES_PER_MOTION)
        return Recording(np.clip(mixed[: len(sound)], -1, 1).astype(np.float32), kept[:frames])

    return studio.engine.submit(window, time.monotonic() + PATIENCE, finish).result()


def _inside(gaps: Sequence[Gap], frames: int, rate: float, seconds: float) -> np.ndarray:
    """(frames,) True in a gap."""
    masked = np.zeros(frames, np.bool_)
    for start, end in gaps:
        if not 0 <= start < end <= seconds + 1e-6:
            raise InvalidInput(
                f"A gap from {start:g} to {end:g} s does not lie within the {seconds:.2f} s."
            )
        masked[int(start * rate) : int(np.ceil(end * rate))] = True
    return masked


def _share(mel_masked: np.ndarray, samples: int) -> Floats:
    """(samples,) how much of the generated sound is heard: 1 in a gap, blended around it."""
    share = np.repeat(mel_masked, HOP).astype(np.float64)[:samples]
    ramp = np.hanning(2 * _BLEND + 1)
    wide = np.convolve(share, ramp / ramp.sum(), mode="same")
    # All of a gap is generated; the blend lies outside of it.
    return np.asarray(np.maximum(share, np.minimum(1.0, 2 * wide)), np.float32)
