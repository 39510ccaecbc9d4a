"""A take: one sentence as it was synthesised, with all that the measures need to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import InvalidInput
from jamflow_rt.sound_file import read_sound
from jamflow_rt.text.timeline import PhonemeSpan


@dataclass(frozen=True, slots=True)
class Take:
    """A spoken sentence."""

    text: str
    sound: NDArray[np.float32]
    """(N,) mono, 24 kHz."""
    faces: tuple[FaceState, ...] = ()
    """One a motion frame (25 a second); empty for takes that are only sound."""
    phonemes: tuple[PhonemeSpan, ...] = ()
    """What is said when, in mel frames from the first sample."""
    edges: tuple[int, ...] = ()
    """Samples at which a new window begins; 0 when silence came before the first."""

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.sound) / SAMPLE_RATE


def takes_from_folder(folder: Path, sentences: list[str]) -> list[Take]:
    """Sound files of `folder`, in the order of their names, as takes of `sentences`.

    Raises:
        InvalidInput: there are fewer files than sentences.
    """
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in {".wav", ".flac", ".mp4"})
    if len(files) < len(sentences):
        raise InvalidInput(
            f"{folder} holds {len(files)} sound files for {len(sentences)} sentences; "
            "they are matched in the order of their names. Give --limit or the missing files."
        )
    return [Take(text, read_sound(file)) for text, file in zip(sentences, files, strict=False)]


def read_sentences(path: Path, limit: int | None = None) -> list[str]:
    """The first `limit` non-empty lines of a text file.

    Raises:
        InvalidInput: the file cannot be read, or has no lines.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The sentences {path} cannot be read: {error}.") from error
    sentences = [line.strip() for line in lines if line.strip()][:limit]
    if not sentences:
        raise InvalidInput(f"{path} holds no sentences: one a line is expected.")
    return sentences
