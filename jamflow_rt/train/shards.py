"""Prepared clips on disk: tar files with an index beside them, as webdataset lays them out.

A folder holds `NAME-000000.tar`, `NAME-000001.tar`, … and `index.json`. A tar holds two members for
each clip: `KEY.safetensors` with its tensors and `KEY.json` with what is said of it
(`ClipRecord`). The tensors:

- `mel` (T_a, 100) float16, the log-mel of `jamflow_rt.codec.mel.log_mel`, not whitened;
- `motion` (T_m, D) float32: for `mesh` the latents of the `MotionSpace` that lies beside the tars
  as `motion.safetensors`; for `liveportrait` the offsets δ of the mouth's keypoints as they are, in
  the order of `jamflow_rt.codec.keypoints` (D = 12);
- `given` (T_m, R) float32, where the model has a part that is never generated: for `liveportrait`
  the other keypoints' δ (the paper's e_rest, R = 51);
- any others, such as `pose`, which training does not read.

Frame n of the mel is centred on n / 93.75 s, frame n of the motion lasts from n / 25 s; both begin
with the clip. Shards are written one at a time, each in one piece (`write_shard`), by as many
processes as one likes; `write_index` then reads them all once. Clips are read where they lie
(`ClipShards`): the index knows their offsets, nothing is unpacked.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load

from jamflow_rt.beats import BEAT_MEL, BEAT_MOTION
from jamflow_rt.config import StrictModel
from jamflow_rt.errors import InvalidInput

Floats = NDArray[np.float32]
MotionKind = Literal["mesh", "liveportrait"]

INDEX = "index.json"
KEY = re.compile(r"[A-Za-z0-9_-]+")
SHARD = re.compile(r"[A-Za-z0-9_-]+-\d{6}\.tar")
TENSORS, RECORD = ".safetensors", ".json"


class ClipRecord(StrictModel):
    """`KEY.json`: what is known of a clip beside its tensors."""

    text: str
    """What is said in it."""
    seconds: float = Field(gt=0)
    motion: MotionKind
    """The space that its motion is in."""
    source: str
    """The file that it was cut from, relative to the folder that was prepared."""
    start: float = Field(default=0.0, ge=0)
    """Where it begins in that file, in seconds."""
    phones: tuple[tuple[str, float, float], ...] | None = None
    """(symbol, start, end) of each phoneme in seconds from the clip's begin; models whose text is
    `phonemes` need it. An empty symbol is silence."""
    quality: Mapping[str, float] = {}
    """Figures of the filters, such as the share of frames with a face, or how far sync is off."""


class Clip(NamedTuple):
    """One clip."""

    record: ClipRecord
    mel: NDArray[np.float16]  # (T_a, 100)
    motion: Floats  # (T_m, D)
    given: Floats | None = None  # (T_m, R)
    extra: Mapping[str, NDArray[np.generic]] = {}

    @property
    def beats(self) -> int:
        """Whole beats of 160 ms that mel and motion both fill."""
        return min(len(self.mel) // BEAT_MEL, len(self.motion) // BEAT_MOTION)


class Spread(StrictModel):
    """Mean and standard deviation over all frames of all clips; one number each for the mel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class ClipEntry(StrictModel):
    """Where a clip lies in its shard."""

    key: str
    mel_frames: int
    motion_frames: int
    tensors: tuple[int, int]
    """Offset and size in bytes."""
    record: tuple[int, int]
    checksum: int
    """CRC-32 of the tensors' bytes, then the record's."""

    @property
    def beats(self) -> int:
        """Whole beats of 160 ms that mel and motion both fill."""
        return min(self.mel_frames // BEAT_MEL, self.motion_frames // BEAT_MOTION)


class ShardEntry(StrictModel):
    """One tar."""

    file: str
    bytes: int
    sha256: str
    clips: tuple[ClipEntry, ...]


class ShardIndex(StrictModel):
    """`index.json`."""

    format: Literal[1] = 1
    motion: MotionKind
    motion_size: int
    given_size: int
    clips: int
    seconds: float
    mel: Spread
    motion_spread: Spread
    given_spread: Spread | None
    shards: tuple[ShardEntry, ...]


def parse_clip(tensors: bytes, record: bytes) -> Clip:
    """A clip of its two members; errors are those of safetensors and pydantic."""
    arrays = load(tensors)
    return Clip(
        ClipRecord.model_validate_json(record),
        arrays.pop("mel"),
        arrays.pop("motion"),
        arrays.pop("given", None),
        arrays,
    )


def checksum(tensors: bytes, record: bytes) -> int:
    """The `checksum` of an entry."""
    return zlib.crc32(record, zlib.crc32(tensors))


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Whatever is wrong with a shard is said with its name."""
    try:
        yield
    except (OSError, tarfile.TarError, SafetensorError, ValidationError, KeyError, ValueError) as e:
        raise InvalidInput(f"{path} is damaged: {e}. Prepare it again.") from e


class ClipShards:
    """The clips of a folder by number: `len(shards)`, `shards.entries[n]`, `shards[n]`.

    Several processes may read from one instance.
    """

    def __init__(self, folder: Path, index: ShardIndex) -> None:
        self.folder, self.index = folder, index

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a folder that `write_index` has seen.

        Raises:
            InvalidInput: the index is missing or damaged, or a shard has another size than it had.
        """
        path = folder / INDEX
        if not path.exists():
            raise InvalidInput(
                f"{path} is missing: `jamflow-rt prepare --shards` writes it when all shards are "
                "ready; broken off, it goes on."
            )
        with damage_named(path):
            index = ShardIndex.model_validate_json(path.read_bytes())
        for shard in index.shards:
            file = folder / shard.file
            size = file.stat().st_size if file.exists() else 0
            if size != shard.bytes:
                raise InvalidInput(
                    f"{file} has {size} bytes instead of {shard.bytes}: it is damaged or missing. "
                    "Copy or prepare it again."
                )
        return cls(folder, index)

    @cached_property
    def entries(self) -> tuple[ClipEntry, ...]:
        """All clips, shard after shard."""
        return tuple(entry for shard in self.index.shards for entry in shard.clips)

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same clips, wherever they lie."""
        digests = "".join(f"{shard.file} {shard.sha256}\n" for shard in self.index.shards)
        return hashlib.sha256(digests.encode()).hexdigest()

    @cached_property
    def _firsts(self) -> NDArray[np.int64]:
        """Number of the first clip of each shard."""
        return np.cumsum([0, *(len(shard.clips) for shard in self.index.shards)])[:-1]

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: int) -> Clip:
        """Read a clip.

        Raises:
            InvalidInput: its shard is damaged.
            IndexError: there is no such clip.
        """
        entry = self.entries[number]
        shard = int(np.searchsorted(self._firsts, number, side="right")) - 1
        path = self.folder / self.index.shards[shard].file
        with damage_named(path):
            with path.open("rb") as file:
                contents = []
                for offset, size in (entry.tensors, entry.record):
                    file.seek(offset)
                    contents.append(file.read(size))
            if checksum(*contents) != entry.checksum:
                raise ValueError(f"clip {entry.key} differs from what was written")
            return parse_clip(*contents)

    def verify(self) -> None:
        """Read every shard and compare it with the index.

        Raises:
            InvalidInput: a shard differs from what was written; it is named.
        """
        for shard in self.index.shards:
            path = self.folder / shard.file
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != shard.sha256:
                raise InvalidInput(f"{path} differs from what was written. Prepare it again.")
