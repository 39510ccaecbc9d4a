"""Crops for the joint model: teacher sentences strung together, and GRID's real face."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, MEL_RATE, N_MELS
from jamflow_rt.codec.mel import mel_of
from jamflow_rt.codec.motion import POSE_SIZE, MotionSpace
from jamflow_rt.codec.whitening import silence_mel
from jamflow_rt.config import Voice
from jamflow_rt.errors import InvalidInput
from jamflow_rt.flow.masking import draw_pattern, draw_task
from jamflow_rt.flow.objective import Batch
from jamflow_rt.text.phonemes import symbol_ids
from jamflow_rt.train.forced_alignment import TimedPhone
from jamflow_rt.train.sound_data import corpus_voices, open_shards, shard_shares
from jamflow_rt.train.teacher_motion import HELD_OUT_CLIPS, read_clips

Floats = NDArray[np.float32]

CROP_BEATS = (7, 9, 13, 17)
"""Three shapes of windows, and a longer one for the long view."""
GRID_SHARE = 0.2
"""Crops from GRID. Its sound is always given: the voice to learn is the teacher's."""
VOICE_UNTOLD = 0.15
"""Crops whose voice the prefix alone tells: reference voices, and none."""
_MAX_PAUSE = 8
_IDLE_SHARE = 0.06


class Crop(NamedTuple):
    """A stretch of whole beats: what is said, heard and seen in it."""

    ids: NDArray[np.int64]  # (15·beats,)
    mel: Floats  # (15·beats, 100)
    motion: Floats  # (4·beats, D)
    voice: int  # row of the table of voices


def ids_on_frames(
    ids: NDArray[np.int64], seconds: Floats, lead: int, frames: int
) -> NDArray[np.int64]:
    """One id a mel frame, for frames lead…lead + frames."""
    edges = np.round(np.cumsum(seconds) * MEL_RATE).astype(int)
    place = np.searchsorted(edges, np.arange(lead, lead + frames), side="right")
    return np.where(place < len(ids), ids[np.minimum(place, len(ids) - 1)], 0)


class JointData:
    """Draws batches of crops with mask patterns; everything random comes from one generator.

    Args:
        corpus: folder of the `corpus` and `motion` stages.
        prepared: folder of `jamflow-rt prepare`.
        seed: of the generator.
        voices: the table of voices of the model to be trained; the corpus's own if not given.

    Raises:
        InvalidInput: the corpus has no motion, or a voice that is not in the table.
    """

    def __init__(
        self, corpus: Path, prepared: Path, seed: int, voices: Sequence[Voice] | None = None
    ) -> None:
        self._random = np.random.default_rng(seed)
        self.space = MotionSpace.load(prepared / "motion.safetensors")
        self._shards = open_shards(corpus)
        self.voices = _in_table(corpus_voices(corpus), voices)
        self._numbers = {voice.name: voice.number for voice in self.voices}
        share_of = dict.fromkeys((voice.name for voice in self.voices), 0.0)
        for shard, share in zip(self._shards, shard_shares(self._shards), strict=True):
            share_of[shard.voice] += float(share)
        self._shares = list(share_of.values())
        self._takes = []
        for shard in self._shards:
            if not shard.takes.exists():
                raise InvalidInput(
                    f"{shard.takes} is missing; run `jamflow-rt train motion` first."
                )
            with np.load(shard.takes) as file:
                self._takes.append({name: file[name] for name in file.files})
                beats = file["beats"]
                self._takes[-1]["starts"] = np.cumsum([0, *beats[:-1]]) * BEAT_MOTION
        clips = read_clips(prepared)[:-HELD_OUT_CLIPS]
        self._clips = [_grid_crop(*clip) for clip in clips]
        self._rests = [clip.motion[:, len(self.space.mouth) :] for clip in self._clips]

    def batch(self, tokens: int) -> Batch:
        """A batch of about `tokens` mel frames, of one crop length."""
        random = self._random
        beats = int(random.choice(CROP_BEATS))
        rows = []
        for _ in range(max(1, round(tokens / (beats * BEAT_MEL)))):
            from_grid = random.random() < GRID_SHARE
            crop = self._grid(beats) if from_grid else self._teacher(beats)
            task = "listen" if from_grid or not crop.ids.any() else draw_task(random)
            pattern = draw_pattern(random, task, beats, len(self.space.groups))
            told = random.random() >= VOICE_UNTOLD
            rows.append(
                (
                    crop.ids,
                    crop.mel,
                    crop.motion,
                    pattern.mel,
                    pattern.motion,
                    np.bool_(pattern.text_dropped),
                    np.int64(crop.voice if told else 0),
                )
            )
        return Batch(*(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)))

    def _grid(self, beats: int) -> Crop:
        clip = self._clips[self._random.integers(len(self._clips))]
        start = int(self._random.integers(len(clip.motion) // BEAT_MOTION - beats + 1))
        mel, motion = slice_beats(start, beats)
        return Crop(clip.ids[mel], clip.mel[mel], clip.motion[motion], 0)

    def _teacher(self, beats: int) -> Crop:
        """Sentences of a voice with pauses between, cut anywhere.

        The upper face and the head idle as real ones did; gestures come on top.
        """
        random = self._random
        voice = self.voices[int(random.choice(len(self.voices), p=self._shares))]
        parts = []
        length = 0
        first = 0
        while length < first + beats:
            pause = int(random.integers(0, _MAX_PAUSE + 1))
            if random.random() < _IDLE_SHARE:
                pause = beats
            parts.append(self._silence(pause))
            said = self._sentence(voice.name)
            parts.append(said)
            if not length:
                first = int(random.integers(0, pause + len(said.motion) // BEAT_MOTION))
            length += pause + len(said.motion) // BEAT_MOTION
        ids, mel, motion = (np.concatenate([part[k] for part in parts]) for k in range(3))
        mel_part, motion_part = slice_beats(first, beats)
        motion = motion[motion_part].astype(np.float32)
        rest = self._rests[random.integers(len(self._rests))]
        start = int(random.integers(len(rest) - len(motion) + 1))
        motion[:, len(self.space.mouth) :] += rest[start : start + len(motion)]
        return Crop(ids[mel_part], mel[mel_part], motion, voice.number)

    def _sentence(self, voice: str) -> Crop:
        random = self._random
        numbers = [n for n, shard in enumerate(self._shards) if shard.voice == voice]
        number = numbers[int(random.integers(len(numbers)))]
        shard, takes = self._shards[number], self._takes[number]
        index = int(random.integers(shard.utterances))
        lead, beats = int(takes["lead"][index]), int(takes["beats"][index])
        frames = beats * BEAT_MEL
        mel = shard.mel_of(index)[lead : lead + frames]
        mel = np.concatenate([mel, silence_mel(frames - len(mel))])
        ids, seconds = shard.phones(index)
        start = takes["starts"][index]
        span = slice(start, start + beats * BEAT_MOTION)
        motion = self._mouth_and_gestures(takes["mouth"][span], takes["gestures"][span])
        on_frames = ids_on_frames(ids.astype(np.int64), seconds, lead, frames)
        return Crop(on_frames, mel, motion, self._numbers[voice])

    def _mouth_and_gestures(self, mouth: Floats, gestures: Floats) -> Floats:
        """Motion (T, D): the mouth, and what head and brows add to their idle motion."""
        space = self.space
        motion = np.zeros((len(mouth), space.size), np.float32)
        motion[:, : len(space.mouth)] = mouth
        motion[:, -POSE_SIZE] = gestures[:, 0] / space.pose_std[0]
        motion[:, -POSE_SIZE - 1] = gestures[:, 1]
        return motion

    def _silence(self, beats: int) -> Crop:
        motion = np.zeros((beats * BEAT_MOTION, self.space.size), np.float32)
        motion[:, : len(self.space.mouth)] = self.space.rest[: len(self.space.mouth)]
        return Crop(np.zeros(beats * BEAT_MEL, np.int64), silence_mel(beats * BEAT_MEL), motion, 0)


def _in_table(present: tuple[Voice, ...], table: Sequence[Voice] | None) -> tuple[Voice, ...]:
    if table is None:
        return present
    rows = {voice.name: voice for voice in table}
    if strangers := [voice.name for voice in present if voice.name not in rows]:
        raise InvalidInput(
            f"The model has no voice named {', '.join(strangers)}; it has {', '.join(rows)}."
        )
    return tuple(rows[voice.name] for voice in present)


def slice_beats(start: int, beats: int) -> tuple[slice, slice]:
    """The mel and the motion frames of `beats` beats from `start`."""
    end = start + beats
    return (
        slice(start * BEAT_MEL, end * BEAT_MEL),
        slice(start * BEAT_MOTION, end * BEAT_MOTION),
    )


def _grid_crop(latents: Floats, sound: Floats, phones: list[TimedPhone]) -> Crop:
    """A GRID clip in whole beats, its words as timed phoneme ids."""
    beats = len(latents) // BEAT_MOTION
    frames = beats * BEAT_MEL
    mel = np.concatenate([mel_of(sound), silence_mel(frames)])[:frames]
    ids = np.zeros(frames, np.int64)
    for phone in phones:
        if phone.symbol:
            span = slice(round(phone.start * MEL_RATE), round(phone.end * MEL_RATE))
            ids[span] = symbol_ids(phone.symbol)[0]
    assert mel.shape == (frames, N_MELS)
    return Crop(ids, mel, latents[: beats * BEAT_MOTION], 0)
