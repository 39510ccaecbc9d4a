"""Videos of one speaking face → motion space and motion latents: `jamflow-rt prepare`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.errors import InvalidInput
from jamflow_rt.sound_file import read_sound
from jamflow_rt.track.tracker import Tracker
from jamflow_rt.train.forced_alignment import ForcedAligner, TimedPhone
from jamflow_rt.train.motion_space import fit_motion_space, reference_mesh, to_clip

Floats = NDArray[np.float32]
Transcripts = dict[str, list[tuple[float, float, str]]]

_SILENT_WORDS = frozenset({"sil", "sp", ""})
# Breath and lips start before the sound does and end after it.
_MARGIN = 0.12


class TrackedVideo(NamedTuple):
    """A tracked face with its sound."""

    landmarks: NDArray[np.float32]  # (T, 478, 3) pixels; z in the same unit as x
    seen: NDArray[np.bool_]  # (T,) False where no face was found (the landmarks are interpolated)
    sound: NDArray[np.float32]  # (N,) mono at 24 kHz


def silent_frames(words: list[tuple[float, float, str]], frames: int) -> NDArray[np.bool_]:
    """(frames,) True well inside the silences of a word alignment."""
    times = (np.arange(frames) + 0.5) / MOTION_RATE
    silent = np.zeros(frames, bool)
    for start, end, word in words:
        if word in _SILENT_WORDS:
            silent |= (times > start + _MARGIN) & (times < end - _MARGIN)
    return silent


def track_folder(
    videos: Path, tracker: Tracker, work: Path, progress: Callable[[int, int], None]
) -> dict[str, TrackedVideo]:
    """Track every .mp4 of a folder; what is in `work` already is not tracked again."""
    paths = sorted(videos.glob("*.mp4"))
    if not paths:
        raise InvalidInput(f"{videos} holds no .mp4 files.")
    work.mkdir(parents=True, exist_ok=True)
    tracked = {}
    for count, path in enumerate(paths):
        store = work / f"{path.stem}.npz"
        if not store.exists():
            face = tracker.track(path)
            np.savez(store, **face._asdict(), sound=read_sound(path))
        with np.load(store) as file:
            tracked[path.stem] = TrackedVideo(file["landmarks"], file["seen"], file["sound"])
        progress(count + 1, len(paths))
    return tracked


def read_transcripts(path: Path) -> Transcripts:
    """GRID's `align.json`: clip → [[start_s, end_s, word], …]."""
    try:
        content = json.loads(path.read_text("utf-8"))
        return {
            clip: [(float(start), float(end), str(word)) for start, end, word in words]
            for clip, words in content.items()
        }
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} is no word alignment: {error}") from error


def read_space(path: Path) -> MotionSpace:
    """`motion.safetensors` of a model.

    Raises:
        InvalidInput: it is missing or damaged.
    """
    try:
        return MotionSpace.load(path)
    except (OSError, SafetensorError) as error:
        raise InvalidInput(f"{path} is no motion space: {error}") from error


def build_motion(
    tracked: dict[str, TrackedVideo],
    transcripts: Transcripts,
    canonical: Floats,
    folder: Path,
    known: MotionSpace | None = None,
) -> MotionSpace:
    """Fit the motion space and encode every clip in it.

    Writes `motion.safetensors` and `clips/NAME.npz` (latents, sound, phones with times).

    Args:
        tracked: from `track_folder`.
        transcripts: words with times of each clip.
        canonical: (468, 3) MediaPipe's canonical face.
        folder: where to write.
        known: the space to encode in, of a model that is to go on learning; a new one is fitted if
            not given.
    """
    names = [name for name in tracked if name in transcripts]
    sample = np.concatenate(
        [tracked[name].landmarks for name in names[:: max(1, len(names) // 80)]]
    )
    reference = reference_mesh(canonical, sample) if known is None else known.average
    clips = {
        name: to_clip(
            tracked[name].landmarks,
            silent_frames(transcripts[name], len(tracked[name].landmarks)),
            reference,
        )
        for name in names
    }
    space = known or fit_motion_space(list(clips.values()))
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    space.save(folder / "motion.safetensors")
    aligner = ForcedAligner()
    for name, clip in clips.items():
        words = [word for _, _, word in transcripts[name] if word not in _SILENT_WORDS]
        phones: list[TimedPhone] = aligner(tracked[name].sound, " ".join(words)) or []
        np.savez(
            folder / "clips" / f"{name}.npz",
            latents=space.encode(clip.meshes, clip.pose),
            sound=tracked[name].sound,
            symbols=np.array([p.symbol for p in phones], dtype="<U2"),
            times=np.array([[p.start, p.end] for p in phones], np.float32).reshape(-1, 2),
        )
    return space
