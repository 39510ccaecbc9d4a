"""One video → one clip: track, hear, measure, encode."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE, SAMPLES_PER_MOTION
from jamflow_rt.codec.keypoints import MOUTH, REST
from jamflow_rt.codec.mel import log_mel
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.errors import InvalidInput
from jamflow_rt.preparation.quality import (
    Quality,
    QualityLimits,
    VoiceActivity,
    measure_quality,
)
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
from jamflow_rt.render.liveportrait.source import video_source
from jamflow_rt.sound_file import read_sound
from jamflow_rt.track.clip import into_space
from jamflow_rt.track.pictures import pictures_at_our_rate
from jamflow_rt.track.tracker import FaceError, TrackedFace
from jamflow_rt.train.forced_alignment import TimedPhone
from jamflow_rt.train.shards import Clip, ClipRecord, MotionKind

Floats = NDArray[np.float32]
Align = Callable[[Floats, str], Sequence[TimedPhone] | None]
"""`jamflow_rt.train.forced_alignment.ForcedAligner` is one."""


class Tracking(Protocol):
    """`jamflow_rt.track.tracker.Tracker` is one."""

    def track(self, path: Path, longest: float | None = None) -> TrackedFace:
        """The landmarks of the only face in a video; raises InvalidInput."""
        ...


class Rejected(Exception):
    """A video that is not fit for training; the message says why, its kind first."""

    def __init__(self, message: str, quality: Quality | None = None) -> None:
        super().__init__(message)
        self.quality = quality
        """Its figures, where they were taken."""


class Motion(NamedTuple):
    """A face's motion in the numbers that a model is trained on."""

    motion: Floats
    given: Floats | None
    extra: dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class VideoPreparer:
    """Prepares videos, one after the other, in one process.

    Args:
        tracker: finds the face.
        space: of the mesh; gives the lips for the filters, and mesh motion.
        networks: LivePortrait's, where its motion is wanted.
        activity: hears speech.
        listen: writes down what is said, where no transcript lies beside a video.
        limits: what a clip must reach.
        align: says when each phoneme sounds, for models that read them.
    """

    tracker: Tracking
    space: MotionSpace
    networks: LivePortraitNetworks | None
    activity: VoiceActivity
    listen: Callable[[Floats], str] | None
    limits: QualityLimits
    align: Align | None = None

    def __call__(self, path: Path, root: Path, text: str | None) -> Clip:
        """A video's clip.

        Args:
            path: the video.
            root: the folder that is prepared.
            text: what is said in it, where that is known.

        Raises:
            Rejected: it is not fit; the reason.
        """
        face, sound = self._read(path)
        frames = min(len(face.landmarks), len(sound) // SAMPLES_PER_MOTION)
        sound = sound[: frames * SAMPLES_PER_MOTION]
        latents = into_space(face.landmarks[:frames], self.space)
        meshes = self.space.meshes(latents)
        gaps = np.linalg.norm(meshes[:, 13] - meshes[:, 14], axis=-1).astype(np.float32)
        quality = measure_quality(sound, gaps, face.seen[:frames], self.activity)
        fault = quality.fault(self.limits)
        if fault is not None:
            raise Rejected(fault, quality)
        said = text if text is not None or self.listen is None else self.listen(sound)
        if not said or not said.strip():
            reason = "no text: neither a transcript nor anything that was heard"
            raise Rejected(reason, quality)
        phones = None if self.align is None else self._phones(sound, said)
        if self.align is not None and not phones:
            raise Rejected("text and sound do not fit: no alignment", quality)
        made = self._motion(path, face.landmarks, latents, frames)
        kind: MotionKind = "mesh" if self.networks is None else "liveportrait"
        record = ClipRecord(
            text=said.strip(),
            seconds=len(sound) / SAMPLE_RATE,
            motion=kind,
            source=source_of(path, root),
            phones=phones,
            quality=quality.figures,
        )
        mel = log_mel(torch.from_numpy(sound)).numpy()[: frames * 15 // 4]
        return Clip(record, mel.astype(np.float16), made.motion, made.given, made.extra)

    def _read(self, path: Path) -> tuple[TrackedFace, Floats]:
        try:
            face = self.tracker.track(path, self.limits.longest)
        except FaceError as error:
            raise Rejected(f"{error.kind}: {error}") from error
        except InvalidInput as error:
            raise Rejected(f"no video: {error}") from error
        try:
            return face, read_sound(path)
        except InvalidInput as error:
            raise Rejected(f"no sound: {error}") from error

    def _phones(self, sound: Floats, said: str) -> tuple[tuple[str, float, float], ...]:
        assert self.align is not None
        try:
            found = self.align(sound, said) or ()
        except InvalidInput as error:
            raise Rejected(f"text cannot be read: {error}") from error
        return tuple((phone.symbol, phone.start, phone.end) for phone in found)

    def _motion(self, path: Path, landmarks: Floats, latents: Floats, frames: int) -> Motion:
        if self.networks is None:
            return Motion(latents, None, {})
        pictures = pictures_at_our_rate(path, frames, self.limits.longest)
        source = video_source(self.networks, pictures, landmarks[:frames], path.stem)
        expression = source.track.expression
        seen = source.motion
        pose = torch.stack([seen.pitch, seen.yaw, seen.roll], dim=1)
        extra = {
            "pose": torch.cat([pose, seen.t, seen.scale], dim=1).cpu().numpy(),
        }
        mouth, rest = (
            expression[:, points].reshape(frames, -1).astype(np.float32) for points in (MOUTH, REST)
        )
        return Motion(mouth, rest, extra)


def source_of(path: Path, root: Path) -> str:
    r"""A video's path in the folder that is prepared; bytes that are not UTF-8 as `\xe9`."""
    return os.fsencode(path.relative_to(root).as_posix()).decode(errors="backslashreplace")


def key_of(path: Path, root: Path) -> str:
    """A clip's key: its path in the folder, in the letters that keys may have, and a checksum.

    Paths that differ have keys that differ; a tar has room for a hundred letters.
    """
    source = source_of(path, root)
    name = re.sub(r"[^A-Za-z0-9_-]", "_", source.removesuffix(path.suffix))[-60:]
    return f"{name}-{hashlib.sha256(source.encode()).hexdigest()[:12]}"
