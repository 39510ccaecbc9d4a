"""Small shards of random clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION, BEAT_SECONDS
from jamflow_rt.train.shard_writer import shard_name, write_index, write_shard
from jamflow_rt.train.shards import Clip, ClipRecord, MotionKind
from tests.toy import toy_space


def toy_clip(
    seed: int, beats: int = 4, motion: MotionKind = "mesh", size: int | None = None, given: int = 0
) -> Clip:
    """A clip of noise, a few frames longer than whole beats."""
    random = np.random.default_rng(seed)
    frames = beats * BEAT_MOTION + 1
    record = ClipRecord(
        text="Bin blue at f two now.",
        seconds=beats * BEAT_SECONDS,
        motion=motion,
        source=f"{seed}.mp4",
        phones=(("", 0.0, 0.1), ("b", 0.1, 0.2), ("ɪ", 0.2, 0.3), ("n", 0.3, 0.5)),
        quality={"seen": 1.0},
    )
    return Clip(
        record,
        (random.standard_normal((beats * BEAT_MEL + 3, 100)) * 2.0 - 3.0)
        .clip(-11)
        .astype(np.float16),
        random.standard_normal((frames, size or toy_space().size)).astype(np.float32),
        random.standard_normal((frames, given)).astype(np.float32) if given else None,
    )


def write_toy_shards(folder: Path, clips: int, per_shard: int = 8, **form: object) -> None:
    """`toy-000000.tar`, … and the index; clips are 3 to 6 beats long."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, clips, per_shard)):
        made = [
            (f"clip{seed}", toy_clip(seed, **{"beats": 3 + seed % 4, **form}))  # type: ignore[arg-type]
            for seed in range(first, min(first + per_shard, clips))
        ]
        write_shard(folder / shard_name("toy", number), made)
    write_index(folder)
