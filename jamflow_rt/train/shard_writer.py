"""Writes shards of prepared clips and their index; `jamflow_rt.train.shards` reads them."""

from __future__ import annotations

import hashlib
import io
import math
import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from jamflow_rt.beats import MEL_RATE, MOTION_RATE, N_MELS
from jamflow_rt.codec.whitening import FLOOR
from jamflow_rt.errors import InvalidInput
from jamflow_rt.record import complete_or_nothing
from jamflow_rt.train.shards import (
    INDEX,
    KEY,
    RECORD,
    SHARD,
    TENSORS,
    Clip,
    ClipEntry,
    MotionKind,
    ShardEntry,
    ShardIndex,
    Spread,
    checksum,
    damage_named,
    parse_clip,
)

_MEL_RANGE = (math.log(FLOOR) - 0.02, 12.0)
"""What a log-mel of sound of −1…1 can be, rounded to float16."""


def shard_name(name: str, number: int) -> str:
    """`NAME-000000.tar`."""
    return f"{name}-{number:06d}.tar"


def write_shard(path: Path, clips: Iterable[tuple[str, Clip]]) -> int:
    """Write a shard of (key, clip); it appears under its name when it is complete.

    The same clips give the same bytes.

    Args:
        path: `FOLDER/NAME-000000.tar`, see `shard_name`.
        clips: keys are letters, digits, `-` and `_`, and differ within a folder.

    Returns:
        The number of clips.

    Raises:
        InvalidInput: a key or a file name that cannot be, or a clip of the wrong shapes.
        Failed: the disk is full.
    """
    if not SHARD.fullmatch(path.name):
        raise InvalidInput(f"{path.name} is no name of a shard: NAME-000000.tar is one.")
    count = 0
    with (
        complete_or_nothing(path) as draft,
        tarfile.open(draft, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for key, clip in clips:
            if not KEY.fullmatch(key):
                raise InvalidInput(f"{key!r} is no key of a clip: use letters, digits, - and _.")
            _check(clip, key)
            for suffix, content in ((TENSORS, _tensor_bytes(clip)), (RECORD, _json(clip))):
                member = tarfile.TarInfo(key + suffix)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            count += 1
    return count


def _check(clip: Clip, key: str) -> None:
    if clip.mel.ndim != 2 or clip.mel.shape[1] != N_MELS:
        raise InvalidInput(f"{key}: the mel is {clip.mel.shape}, not (frames, {N_MELS}).")
    if clip.motion.ndim != 2 or (
        clip.given is not None and clip.given.shape[:1] != clip.motion.shape[:1]
    ):
        raise InvalidInput(f"{key}: motion and given motion must be (frames, numbers) alike.")
    if not clip.beats:
        raise InvalidInput(f"{key} is shorter than a beat of 160 ms.")
    if abs(len(clip.mel) / MEL_RATE - len(clip.motion) / MOTION_RATE) > 0.5:
        raise InvalidInput(
            f"{key}: {len(clip.mel)} mel frames last {len(clip.mel) / MEL_RATE:.2f} s, "
            f"{len(clip.motion)} motion frames {len(clip.motion) / MOTION_RATE:.2f} s; "
            "both must begin and end together."
        )
    for array in (clip.mel, clip.motion, clip.given):
        if array is not None and not np.isfinite(array).all():
            raise InvalidInput(f"{key} holds NaN or infinite numbers.")
    least, most = float(clip.mel.min()), float(clip.mel.max())
    if least < _MEL_RANGE[0] or most > _MEL_RANGE[1]:
        raise InvalidInput(
            f"{key}: the mel goes from {least:.1f} to {most:.1f}, so it is none of "
            "`jamflow_rt.codec.mel.log_mel`, which models here learn: natural logarithms of "
            "magnitudes, 1e-5 at least, not whitened."
        )


def _tensor_bytes(clip: Clip) -> bytes:
    tensors: dict[str, NDArray[np.generic]] = {
        **clip.extra,
        "mel": clip.mel.astype(np.float16),
        "motion": clip.motion.astype(np.float32),
    }
    if clip.given is not None:
        tensors["given"] = clip.given.astype(np.float32)
    return save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})


def _json(clip: Clip) -> bytes:
    return clip.record.model_dump_json(exclude_none=True).encode()


def write_index(folder: Path) -> ShardIndex:
    """Read every shard of a folder once and write `index.json` beside them.

    Raises:
        InvalidInput: there is no shard; one is damaged; clips differ in their kind of motion; a
            key comes twice.
    """
    paths = sorted(path for path in folder.glob("*.tar") if SHARD.fullmatch(path.name))
    if not paths:
        raise InvalidInput(f"{folder} holds no shards (NAME-000000.tar).")
    tally = _Tally()
    shards = tuple(_index_shard(path, tally) for path in paths)
    index = tally.index(shards)
    draft = folder / f"{INDEX}.tmp"
    draft.write_text(index.model_dump_json(), "utf-8")
    draft.replace(folder / INDEX)
    return index


def _index_shard(path: Path, tally: _Tally) -> ShardEntry:
    entries = []
    with damage_named(path), tarfile.open(path, "r:") as tar:
        members = {member.name: member for member in tar}
        for name, member in members.items():
            if not name.endswith(TENSORS):
                continue
            key = name.removesuffix(TENSORS)
            record = members[key + RECORD]
            contents = [_content(tar, part) for part in (member, record)]
            clip = parse_clip(*contents)
            _check(clip, key)
            tally.add(key, clip)
            entries.append(
                ClipEntry(
                    key=key,
                    mel_frames=len(clip.mel),
                    motion_frames=len(clip.motion),
                    tensors=(member.offset_data, member.size),
                    record=(record.offset_data, record.size),
                    checksum=checksum(*contents),
                )
            )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ShardEntry(
        file=path.name, bytes=path.stat().st_size, sha256=digest, clips=tuple(entries)
    )


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    content = b"" if file is None else file.read()
    if len(content) != member.size:
        raise ValueError(f"{member.name} is cut off")
    return content


class _Moments:
    """Sums for a mean and a standard deviation, without holding all frames."""

    def __init__(self) -> None:
        self.count, self.sum, self.squares = 0, np.zeros(0), np.zeros(0)

    def add(self, frames: NDArray[np.floating]) -> None:
        frames = frames.astype(np.float64)
        if not self.count:
            self.sum, self.squares = np.zeros(frames.shape[1]), np.zeros(frames.shape[1])
        self.count += len(frames)
        self.sum += frames.sum(0)
        self.squares += (frames**2).sum(0)

    @property
    def spread(self) -> Spread:
        mean = self.sum / self.count
        variance = np.maximum(self.squares / self.count - mean**2, 0.0)
        return Spread(mean=tuple(mean.tolist()), std=tuple(np.sqrt(variance).tolist()))


class _Tally:
    """What an index says of all clips together."""

    def __init__(self) -> None:
        self._mel, self._motion, self._given = _Moments(), _Moments(), _Moments()
        self._keys: set[str] = set()
        self._form: tuple[MotionKind, int, int] | None = None
        self._seconds = 0.0

    def add(self, key: str, clip: Clip) -> None:
        if key in self._keys:
            raise ValueError(f"the key {key} stands in this folder twice")
        given = 0 if clip.given is None else clip.given.shape[1]
        form = (clip.record.motion, clip.motion.shape[1], given)
        if self._form is None:
            self._form = form
        elif form != self._form:
            raise ValueError(f"{key} has motion, size and given size {form}, others {self._form}")
        self._keys.add(key)
        self._seconds += clip.record.seconds
        self._mel.add(clip.mel.reshape(-1, 1))
        self._motion.add(clip.motion)
        if clip.given is not None:
            self._given.add(clip.given)

    def index(self, shards: tuple[ShardEntry, ...]) -> ShardIndex:
        if self._form is None:
            raise InvalidInput("The shards hold no clips.")
        kind, motion_size, given_size = self._form
        return ShardIndex(
            motion=kind,
            motion_size=motion_size,
            given_size=given_size,
            clips=len(self._keys),
            seconds=self._seconds,
            mel=self._mel.spread,
            motion_spread=self._motion.spread,
            given_spread=self._given.spread if given_size else None,
            shards=shards,
        )
