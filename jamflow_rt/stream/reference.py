"""A reference: a sound with its text, perhaps with its motion, whose voice and manner go on.

When each word of it sounds is found by alignment with speech of our own: the model says the same
text, and its timeline is warped so that its sound falls onto the reference's.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.fft import dct

from jamflow_rt.beats import (
    BEAT_MEL,
    BEAT_MOTION,
    BEAT_SECONDS,
    HOP,
    MEL_PER_MOTION,
    MEL_RATE,
    MOTION_RATE,
    N_MELS,
    SAMPLE_RATE,
)
from jamflow_rt.codec.mel import mel_of
from jamflow_rt.codec.pcm import check_pcm
from jamflow_rt.codec.whitening import STD, silence_mel
from jamflow_rt.config import Voice
from jamflow_rt.errors import InvalidInput
from jamflow_rt.flow.noise import window_noise
from jamflow_rt.flow.window import Window, WindowResult
from jamflow_rt.stream.given_motion import GivenMotion, MotionLike, check_motion
from jamflow_rt.stream.offline import PATIENCE
from jamflow_rt.stream.phrases import VoiceReference, trimmed, voice_reference
from jamflow_rt.stream.rehearsal import rehearse
from jamflow_rt.stream.score import Floats, Primer
from jamflow_rt.stream.sources import Piece, Run, Source, check_text
from jamflow_rt.stream.studio import Studio
from jamflow_rt.text.warping import warp
from jamflow_rt.text.written import Vocabulary

LONGEST: Final = 30.0
"""Seconds of a reference: only its end is taken over, all of it is aligned."""
MAX_TEXT: Final = 1000
"""Characters of its text at most."""
# What is quieter than the loudest sounds by more than this (nats: 52 dB) is noise, and as good as
# silence. Chosen on recordings with known word times.
_RANGE: Final = 6.0
_LOUDEST: Final = 0.95
_CEPSTRA: Final = 13
_SAME_VOICE: Final = 0.22
"""Mean distance of whitened mels under which a reference is one of our own voices: those came to
0.12 to 0.19, and the nearest other voice of ours to 0.17 to 0.24; another speaker to 0.30."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Somebody's speech, for `session.say(text, reference=…)`."""

    sound: NDArray[np.float32] | NDArray[np.int16]
    """(N,) one channel, −1…1 or int16; 30 s at most."""
    sample_rate: int
    """8000…48000."""
    text: str
    """What is said in it."""
    motion: MotionLike | None = None
    """Its faces, or motion latents, 25 a second from the sound's beginning."""


ReferenceLike = Reference | tuple[Any, str] | tuple[Any, str, MotionLike | None]
"""A `Reference`, or (sound at 24 kHz, text) with or without motion."""


class Continuation(NamedTuple):
    """How a speech goes on from a reference."""

    primer: Primer
    voice: int
    """Row of the model's table of voices; 0 goes on as the primer sounds."""


@dataclass(frozen=True, slots=True, eq=False)
class CheckedReference:
    """A reference that can be used."""

    sound: Floats
    """(N,)"""
    sample_rate: int
    text: str
    motion: GivenMotion | None

    def continuation(self, studio: Studio, voice: Voice) -> Continuation:
        """The last beats of the reference, to the end of its last word. Blocks for seconds.

        Args:
            studio: model and threads.
            voice: who says the text for the alignment.

        Raises:
            InvalidInput: the sound is far too short for the text, or the motion for the sound.
            Failed: the engine has died.
        """
        mel = studio.executor.submit(self._mel).result()
        rehearsal = rehearse(self.text, voice, studio)
        timeline = warp(rehearsal.timeline, _cepstra(rehearsal.mel), _cepstra(mel))
        end = max(word.end for word in timeline.words)
        text, sound = timeline.ids()[:end], mel[:end]
        frames = studio.planner.config.prefix * BEAT_MEL
        primer = Primer(
            _last(text, frames, np.zeros(frames, np.int32)),
            _last(sound, frames, silence_mel(frames)),
            None if self.motion is None else _motion(self.motion.latents, end - frames, end),
        )
        return Continuation(primer, _recognised(text, sound, studio.voices, studio))

    def as_voice(self, vocabulary: Vocabulary) -> VoiceReference:
        """The whole of it as a model takes it that reads characters, and aligns them by itself.

        Raises:
            InvalidInput: it is too long for that, or has more text than time.
        """
        sound = self._at_our_rate()
        if self.motion is None:
            return voice_reference(trimmed(sound), self.text, vocabulary)
        made = voice_reference(sound, self.text, vocabulary)
        # The sound was filled up to a beat.
        latents = np.concatenate([self.motion.latents, self.motion.latents[-1:].repeat(6, axis=0)])
        motion = _motion(latents, 0, len(made.primer.mel))
        return replace(made, primer=replace(made.primer, motion=motion))

    def _mel(self) -> Floats:
        """(15·beats, 100) whitened."""
        sound = self._at_our_rate()
        return mel_of(np.pad(sound, (0, -len(sound) % (BEAT_MEL * HOP))))

    def _at_our_rate(self) -> Floats:
        if self.sample_rate == SAMPLE_RATE:
            return self.sound
        return np.asarray(soxr.resample(self.sound, self.sample_rate, SAMPLE_RATE), np.float32)


class PrimedSource:
    """A source whose speech goes on from a reference.

    Args:
        source: what is said.
        continuation: finds how; takes seconds.
        run: runs a blocking function elsewhere.
    """

    def __init__(self, source: Source, continuation: Callable[[], Continuation], run: Run) -> None:
        self._source = source
        self._continuation = continuation
        self._run = run

    async def pieces(self) -> AsyncIterator[Piece]:
        """See `Source`."""
        primer, voice = await self._run(self._continuation)
        async for piece in self._source.pieces():
            cells = [replace(cell, voice=voice) for cell in piece.cells]
            if cells and primer is not None:
                cells[0], primer = replace(cells[0], primer=primer), None
            yield replace(piece, cells=cells)

    def cancel(self) -> None:
        """See `Source`."""
        self._source.cancel()

    async def aclose(self) -> None:
        """See `Source`."""
        await self._source.aclose()


def check_reference(reference: ReferenceLike, studio: Studio) -> CheckedReference:
    """Refuse at once what can never be a reference.

    Raises:
        InvalidInput: the sound is empty, of a wrong kind, too short or too long; the text or the
            motion cannot be used.
    """
    if isinstance(reference, tuple) and len(reference) in (2, 3):
        sound, text, *rest = reference
        reference = Reference(sound, SAMPLE_RATE, text, *rest)
    if not isinstance(reference, Reference) or not isinstance(reference.text, str):
        raise InvalidInput(
            "A reference is a jamflow_rt.Reference, or (sound at 24 kHz, text, motion or None)."
        )
    sound = check_pcm(reference.sound, reference.sample_rate)
    seconds = len(sound) / reference.sample_rate
    least = studio.planner.config.prefix * BEAT_SECONDS
    if not least <= seconds <= LONGEST:
        raise InvalidInput(
            f"The reference lasts {seconds:.2f} s; from {least:.2f} to {LONGEST:.0f} s will do."
        )
    if not sound.any():
        raise InvalidInput("The reference is silent: nothing of it could go on.")
    check_text(reference.text, MAX_TEXT)
    motion = None if reference.motion is None else check_motion(reference.motion, studio.space)
    return CheckedReference(sound, int(reference.sample_rate), reference.text, motion)


def _cepstra(mel: Floats) -> Floats:
    """(T, 13) the smooth shape of whitened mels (T, 100), above their noise."""
    logs = mel * STD
    floor = np.quantile(logs.max(axis=1), _LOUDEST) - _RANGE
    return np.asarray(dct(np.maximum(logs, floor), axis=1, norm="ortho")[:, :_CEPSTRA], np.float32)


def _recognised(
    text: NDArray[np.int32], mel: Floats, voices: Sequence[Voice], studio: Studio
) -> int:
    """The row of the voice that says this text as the reference does; 0 if none does.

    Each says the reference's last words at the reference's times, and the mels are compared.
    """
    beats = max(studio.planner.lengths)
    frames = beats * BEAT_MEL
    text = _last(text, frames, np.zeros(frames, np.int32))
    mel = _last(mel, frames, silence_mel(frames))
    sounding = text > 0
    rows = sorted({voice.number for voice in voices} - {0})
    if not rows or not sounding.any():
        return 0
    mel_noise, motion_noise = window_noise(0, 0, beats, studio.space.size)
    # All at once: the engine samples them together.
    waiting = [
        studio.engine.submit(
            Window(
                text=text,
                mel=np.zeros((frames, N_MELS), np.float32),
                mel_masked=np.ones(frames, np.bool_),
                motion=np.zeros_like(motion_noise),
                motion_masked=np.ones((len(motion_noise), len(studio.space.groups)), np.bool_),
                mel_noise=mel_noise,
                motion_noise=motion_noise,
                voice=row,
            ),
            time.monotonic() + PATIENCE,
            _its_mel,
        )
        for row in rows
    ]
    distances = []
    for said in waiting:
        difference = (said.result() - mel)[sounding]
        # A recording may be louder or quieter than the voice was learned.
        distances.append(float(np.abs(difference - difference.mean()).mean()))
    nearest = int(np.argmin(distances))
    return rows[nearest] if distances[nearest] < _SAME_VOICE else 0


def _its_mel(result: WindowResult) -> Floats:
    return result.mel


def _last(array: NDArray[Any], count: int, before: NDArray[Any]) -> NDArray[Any]:
    """The last `count` rows; what is missing is the end of `before`."""
    return np.concatenate([before, array])[-count:]


def _motion(latents: Floats, start: int, end: int) -> Floats:
    """(4·beats, D) the motion between two mel frames, straight between its own frames."""
    if (len(latents) + 1) * MEL_PER_MOTION < end:
        raise InvalidInput(
            f"The motion of the reference lasts {len(latents) / MOTION_RATE:.2f} s and its last "
            f"word ends at {end / MEL_RATE:.2f} s: give all of it."
        )
    places = start / MEL_PER_MOTION + np.arange((end - start) // BEAT_MEL * BEAT_MOTION)
    motion = np.arange(len(latents))
    return np.stack([np.interp(places, motion, c) for c in latents.T], axis=1).astype(np.float32)
