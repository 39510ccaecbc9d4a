"""Gives every teacher sentence a mouth and gestures: the `motion` stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, MEL_RATE
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.codec.whitening import STD
from jamflow_rt.text.phonemes import vocabulary
from jamflow_rt.train.forced_alignment import TimedPhone
from jamflow_rt.train.gestures import find_accents, gesture_tracks
from jamflow_rt.train.phone_motion import (
    LipCloser,
    PhoneToMotion,
    articulation_track,
    phones_from_ids,
    train_phone_to_motion,
)
from jamflow_rt.train.sound_data import Shard, open_shards

Floats = NDArray[np.float32]

CLIP_FRAMES = 75
HELD_OUT_CLIPS = 60
# Silence kept before the first phoneme and after the last, in mel frames. Speech must start soon
# after it was asked for, so the model must know short leads.
LEAD, TAIL = (2, 8), (4, 20)


class Take(NamedTuple):
    """How an utterance is cut from its shard, in whole beats."""

    lead: int  # first mel frame
    beats: int
    mouth: Floats  # (4·beats, M)
    gestures: Floats  # (4·beats, 2) head pitch in radians, brows in units


def read_clips(prepared: Path) -> list[tuple[Floats, Floats, list[TimedPhone]]]:
    """(latents, sound, phones) of every prepared clip of full length that could be aligned."""
    clips = []
    for path in sorted((prepared / "clips").glob("*.npz")):
        with np.load(path) as file:
            if len(file["latents"]) < CLIP_FRAMES or not len(file["symbols"]):
                continue
            phones = [
                TimedPhone(str(symbol), float(start), float(end))
                for symbol, (start, end) in zip(file["symbols"], file["times"], strict=True)
            ]
            clips.append((file["latents"][:CLIP_FRAMES], file["sound"], phones))
    return clips


def take_utterance(shard: Shard, index: int, random: np.random.Generator) -> tuple[int, int]:
    """(lead, beats): where to cut an utterance so that little silence is around it."""
    _, seconds = shard.phones(index)
    start, end = seconds[0] * MEL_RATE, seconds[:-1].sum() * MEL_RATE
    lead = max(0, int(start) - int(random.integers(*LEAD)))
    frames = int(end) + int(random.integers(*TAIL)) - lead
    return lead, -(-frames // BEAT_MEL)


def train_and_apply(
    prepared: Path, corpus: Path, progress: Callable[[str, int, int], None], steps: int = 1200
) -> float:
    """Fit the phone-to-motion network on the prepared clips and move every teacher sentence.

    Writes `takesK.npz` beside each shard (lead, beats, mouth, gestures).

    Returns:
        Mean absolute error on clips kept out, in standard deviations.
    """
    space = MotionSpace.load(prepared / "motion.safetensors")
    mouth_size = len(space.mouth)
    clips = read_clips(prepared)
    tracks = np.stack([articulation_track(phones, CLIP_FRAMES) for _, _, phones in clips])
    mouths = np.stack([latents[:, :mouth_size] for latents, _, _ in clips])
    network, error = train_phone_to_motion(
        tracks, mouths, HELD_OUT_CLIPS, steps, lambda step, _: progress("fit", step + 1, steps)
    )
    closer = LipCloser(space)
    shards = open_shards(corpus)
    symbols = {index: symbol for symbol, index in vocabulary().items()}
    for number, shard in enumerate(shards):
        random = np.random.default_rng(number)
        takes = [
            _move(shard, index, symbols, network, closer, random)
            for index in range(shard.utterances)
        ]
        np.savez(
            shard.takes,
            lead=np.array([t.lead for t in takes]),
            beats=np.array([t.beats for t in takes]),
            mouth=np.concatenate([t.mouth for t in takes]).astype(np.float16),
            gestures=np.concatenate([t.gestures for t in takes]).astype(np.float16),
        )
        progress("move", number + 1, len(shards))
    return error


def _move(
    shard: Shard,
    index: int,
    symbols: dict[int, str],
    network: PhoneToMotion,
    closer: LipCloser,
    random: np.random.Generator,
) -> Take:
    ids, seconds = shard.phones(index)
    lead, beats = take_utterance(shard, index, random)
    origin = lead / MEL_RATE
    said = [symbols[int(i)] for i in ids]
    phones = [
        p._replace(start=p.start - origin, end=p.end - origin)
        for p in phones_from_ids(said, seconds)
    ]
    frames = beats * BEAT_MOTION
    track = torch.from_numpy(articulation_track(phones, frames))
    with torch.inference_mode():
        mouth = network(track[None])[0].numpy()
    loudness = shard.mel_of(index).mean(1) * STD
    accents = [
        accent._replace(time=accent.time - origin)
        for accent in find_accents(said, seconds, shard.f0_of(index), loudness)
    ]
    end = max((p.end for p in phones if p.symbol), default=0.0) if "?" in said else None
    return Take(lead, beats, closer(mouth, phones), gesture_tracks(accents, end, frames))
