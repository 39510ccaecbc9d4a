"""Reads corpus shards (see `corpus`) memory-mapped, utterance by utterance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.config import Voice
from jamflow_rt.errors import InvalidInput
from jamflow_rt.train.teachers import VOICES


class Shard(NamedTuple):
    """One shard's arrays; offsets cut them into utterances."""

    voice: str
    takes: Path
    """Where the `motion` stage puts the mouths of this shard."""
    sound: NDArray[np.int16]
    mel: NDArray[np.float16]
    ids: NDArray[np.int16]
    seconds: NDArray[np.float32]
    f0: NDArray[np.float32]
    offsets: NDArray[np.int64]
    f0_offsets: NDArray[np.int64]
    mel_offsets: NDArray[np.int64]

    @property
    def utterances(self) -> int:
        """Utterances in the shard."""
        return len(self.offsets) - 1

    def phones(self, index: int) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        """Ids and seconds of an utterance."""
        part = slice(self.offsets[index], self.offsets[index + 1])
        return self.ids[part], self.seconds[part]

    def mel_of(self, index: int) -> NDArray[np.float32]:
        """Whitened mel (T, 100) of an utterance."""
        part = slice(self.mel_offsets[index], self.mel_offsets[index + 1])
        return self.mel[part].astype(np.float32)

    def f0_of(self, index: int) -> NDArray[np.float32]:
        """Pitch of an utterance every 12.5 ms."""
        return self.f0[self.f0_offsets[index] : self.f0_offsets[index + 1]]


def shard_paths(corpus: Path) -> list[Path]:
    """`VOICE/shardK.npz` of every voice, in order.

    Raises:
        InvalidInput: there is none.
    """
    found = sorted(corpus.glob("*/shard*.npz"), key=lambda p: (p.parent.name, int(p.stem[5:])))
    if not found:
        raise InvalidInput(f"{corpus} holds no corpus; run `jamflow-rt train corpus` first.")
    return found


def corpus_voices(corpus: Path) -> tuple[Voice, ...]:
    """The voices of a corpus with their rows in the models' tables, in the order of `VOICES`.

    A single voice needs no table: its number is 0.

    Raises:
        InvalidInput: the folder holds no corpus, or a voice of no teacher.
    """
    found = {path.parent.name for path in shard_paths(corpus)}
    if strangers := found - {voice.name for voice in VOICES}:
        raise InvalidInput(f"{corpus}: no teacher is named {', '.join(sorted(strangers))}.")
    present = [voice for voice in VOICES if voice.name in found]
    return tuple(
        Voice(name=voice.name, number=number if len(present) > 1 else 0, british=voice.british)
        for number, voice in enumerate(present, 1)
    )


def shard_shares(shards: Sequence[Shard]) -> NDArray[np.float64]:
    """(n,) how often each shard is to be drawn from.

    Voices with little sound are heard more often than their share, but not all the time: a voice's
    share goes with the cube root of its number of utterances.
    """
    totals: dict[str, int] = {}
    for shard in shards:
        totals[shard.voice] = totals.get(shard.voice, 0) + shard.utterances
    weights = np.array([shard.utterances / totals[shard.voice] ** (2 / 3) for shard in shards])
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def open_shards(corpus: Path) -> list[Shard]:
    """All shards of a corpus folder, in order.

    Raises:
        InvalidInput: the folder holds none.
    """
    shards = []
    for path in shard_paths(corpus):
        with np.load(path) as file:
            arrays: dict[str, Any] = dict(file)
        shards.append(
            Shard(
                path.parent.name,
                path.with_name(f"takes{path.stem[5:]}.npz"),
                np.load(path.with_suffix(".wav.npy"), mmap_mode="r"),
                np.load(path.with_suffix(".mel.npy"), mmap_mode="r"),
                arrays["ids"],
                arrays["frames"],
                arrays["f0"],
                arrays["offsets"],
                arrays["f0_offsets"],
                arrays["mel_offsets"],
            )
        )
    return shards
