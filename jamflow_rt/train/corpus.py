"""Teacher speech with timed phonemes: the `corpus` stage.

A corpus folder has a folder for each voice with its shards: `shardK.npz` with phonemes, times and
pitch, `shardK.wav.npy` with 16-bit sound and `shardK.mel.npy` with the whitened mel as float16.
"""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import HOP, SAMPLE_RATE
from jamflow_rt.codec.mel import mel_of
from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.teachers import teacher_for

SHARD_SENTENCES = 250
"""Small, so that a broken run loses little."""


class _Job(NamedTuple):
    voice: str
    styles: Path | None
    shard: int
    sentences: list[tuple[int, str]]
    folder: Path


def _write_shard(job: _Job) -> float:
    import torch

    torch.set_num_threads(1)
    teacher = teacher_for(job.voice, job.styles)
    said = [u for seed, text in job.sentences if (u := teacher(text, seed)) is not None]
    mels = [mel_of(u.sound).astype(np.float16) for u in said]
    sounds = [
        (u.sound[: len(m) * HOP] * 32767).round().astype(np.int16)
        for u, m in zip(said, mels, strict=True)
    ]

    def offsets(items: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
        return np.cumsum([0, *(len(item) for item in items)], dtype=np.int64)

    np.save(job.folder / f"shard{job.shard}.wav.npy", np.concatenate(sounds))
    np.save(job.folder / f"shard{job.shard}.mel.npy", np.concatenate(mels))
    np.savez(
        job.folder / f"shard{job.shard}.npz",
        ids=np.concatenate([u.ids for u in said]),
        frames=np.concatenate([u.seconds for u in said]),
        offsets=offsets([u.ids for u in said]),
        f0=np.concatenate([u.f0 for u in said]),
        f0_offsets=offsets([u.f0 for u in said]),
        mel_offsets=offsets(mels),
    )
    return sum(len(s) for s in sounds) / SAMPLE_RATE


def build_corpus(
    sentences: Path,
    corpus: Path,
    count: int,
    voice: str,
    styles: Path | None = None,
    processes: int = 2,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> float:
    """Let a teacher say `count` random sentences of a text file (one a line).

    Args:
        sentences: the text file. Every voice draws its own sentences.
        corpus: folder of all voices.
        count: how many.
        voice: a name among `jamflow_rt.train.teachers.VOICES`.
        styles: folder of Kokoro's voice files; not needed for hibari's voice.
        processes: shards made at the same time.
        progress: told (voice, sentences done, sentences in all).

    Returns:
        Hours of sound written. Shards that exist are kept, so a broken run resumes.

    Raises:
        InvalidInput: too few sentences, no such voice, or its file is missing.
        NotSupported: a teacher's package is missing.
    """
    lines = [line.strip() for line in sentences.read_text("utf-8").splitlines() if line.strip()]
    if len(lines) < count:
        raise InvalidInput(f"{sentences.name} has {len(lines)} sentences, fewer than {count}.")
    teacher_for(voice, styles)  # what is wrong with it is told here, not by a worker
    random.Random(voice).shuffle(lines)
    folder = corpus / voice
    folder.mkdir(parents=True, exist_ok=True)
    numbered = list(enumerate(lines[:count]))
    jobs = [
        _Job(voice, styles, k, numbered[k * SHARD_SENTENCES : (k + 1) * SHARD_SENTENCES], folder)
        for k in range(-(-count // SHARD_SENTENCES))
        if not (folder / f"shard{k}.npz").exists()
    ]
    done = count - sum(len(job.sentences) for job in jobs)
    seconds = 0.0
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for length, written in pool.imap_unordered(_counted, jobs):
            done, seconds = done + length, seconds + written
            progress(voice, done, count)
    return seconds / 3600


def _counted(job: _Job) -> tuple[int, float]:
    return len(job.sentences), _write_shard(job)
