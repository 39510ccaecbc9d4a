"""The score: what a session is still to perform, beat by beat."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, N_MELS
from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.whitening import silence_mel

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Primer:
    """A past that was never performed: a speech goes on from it in its voice and manner.

    As many whole beats as a window's prefix has; a phrase may go on from any number.
    """

    text: NDArray[np.int32]
    """(15·n,) one phoneme id a mel frame."""
    mel: Floats
    """(15·n, 100) whitened mel."""
    motion: Floats | None = None
    """(4·n, D) motion latents; None goes on from what the face really did."""

    @property
    def beats(self) -> int:
        """Its length."""
        return len(self.mel) // BEAT_MEL


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One beat to perform. Sound and motion are each given or to be generated."""

    text: NDArray[np.int32]
    """(15,) one phoneme id a mel frame, 0 is silence."""
    mel: Floats | None = None
    """(15, 100) whitened mel when the sound is given; None when it is to be generated."""
    sound: Floats | None = None
    """(3840,) the given sound."""
    speech_id: str | None = None
    voice: int = 0
    """Row of the model's table of voices; 0 goes on as the past sounds."""
    motion: Floats | None = None
    """(4, D) motion latents when the motion is given; None when it is to be generated."""
    faces: tuple[FaceState, ...] | None = None
    """The 4 given faces, played as they are; with `motion`."""
    primer: Primer | None = None
    """In the first cell of a speech, or of a phrase, that goes on from a reference."""

    @property
    def given(self) -> bool:
        """True when the sound came from outside."""
        return self.mel is not None

    def goes_with(self, first: Cell) -> bool:
        """True when one window can begin with `first` and go on to this one."""
        return self is first or (
            self.given == first.given and self.voice == first.voice and self.primer is None
        )


class Excerpt(NamedTuple):
    """A stretch of the score as a window wants it."""

    text: NDArray[np.int32]  # (15·n,)
    mel: Floats  # (15·n, 100), zeros where it is to be generated
    known: NDArray[np.bool_]  # (15·n,)


class Score:
    """Cells in the order of their performance. Taken from the front, appended at the end."""

    def __init__(self) -> None:
        self._cells: deque[Cell] = deque()
        self.paused = False
        """True while nothing is to be performed, whatever is there."""
        self.open = False
        """True in the middle of a speech: more of it may come any moment."""
        self.outlook: Floats | None = None
        """(n, 100) mel beyond the last cell, of sound that is still coming in; None: there silence
        follows."""

    def __len__(self) -> int:
        return len(self._cells)

    def extend(self, cells: Iterable[Cell]) -> None:
        """Append cells."""
        self._cells.extend(cells)

    def clear(self) -> None:
        """Forget everything not yet performed."""
        self._cells.clear()
        self.close()

    def close(self) -> None:
        """The speech at the end is complete."""
        self.open, self.outlook = False, None

    @property
    def awaiting(self) -> bool:
        """True when more may come and is to be performed at once."""
        return self.open and not self.paused

    @property
    def ready(self) -> int:
        """Cells that can be performed now, in one window if it is long enough."""
        if self.paused:
            return 0
        count = 0
        for cell in self._cells:
            if not cell.goes_with(self._cells[0]):
                break
            count += 1
        return count

    def first(self, count: int) -> list[Cell]:
        """The first `count` cells, left where they are."""
        return list(islice(self._cells, count))

    def peek(self, beats: int) -> Excerpt:
        """The next `beats`; beyond the end there is silent text.

        Beyond the end the sound is unknown after text. After given sound it is the outlook and
        unknown after that; or known to be silent, when there is none.
        """
        text = np.zeros(beats * BEAT_MEL, np.int32)
        mel = np.zeros((beats * BEAT_MEL, N_MELS), np.float32)
        known = np.zeros(beats * BEAT_MEL, np.bool_)
        cells = self.first(beats)
        for index, cell in enumerate(cells):
            place = slice(index * BEAT_MEL, (index + 1) * BEAT_MEL)
            text[place] = cell.text
            if cell.mel is not None:
                mel[place], known[place] = cell.mel, True
        if cells and cells[-1].given:
            end = len(cells) * BEAT_MEL
            after = self.outlook
            if after is None:
                after = silence_mel(beats * BEAT_MEL - end)
            seen = slice(end, end + len(after))
            mel[seen], known[seen] = after[: len(mel) - end], True
        return Excerpt(text, mel, known)

    def beats_of(self, speech_id: str) -> int:
        """Cells of a speech that are still to be performed."""
        return sum(cell.speech_id == speech_id for cell in self._cells)

    def put_back(self, cells: Iterable[Cell]) -> None:
        """Perform these again, before everything else."""
        self._cells.extendleft(reversed(list(cells)))

    def drop(self, count: int) -> None:
        """Take the first `count` cells away: they have been performed."""
        for _ in range(count):
            self._cells.popleft()
