"""Timeline: when each phoneme and each word sounds, in mel frames (93.75 a second)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, MEL_RATE, beats_for_mel
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.phonemes import SILENCE, symbol_ids
from jamflow_rt.text.script import Script


@dataclass(frozen=True, slots=True)
class PhonemeSpan:
    """One phoneme and the mel frames [start, end) in which it sounds."""

    symbol: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class WordSpan:
    """One word, as the user wrote it, and the mel frames [start, end) in which it sounds."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is said when. The phonemes touch and cover all frames; silence is a phoneme too."""

    phonemes: tuple[PhonemeSpan, ...]
    words: tuple[WordSpan, ...]
    frames: int
    """Length in mel frames."""

    @classmethod
    def of(
        cls, script: Script, durations: Sequence[int], *, lead: int = 0, trail: int = 0
    ) -> Timeline:
        """Lay a script out in time.

        Args:
            script: what is said.
            durations: mel frames of each symbol of `script.phonemes`.
            lead: silent frames before.
            trail: silent frames after.

        Raises:
            InvalidInput: there are more or fewer durations than phonemes, or one is negative.
        """
        if len(durations) != len(script.phonemes) or min([lead, trail, *durations]) < 0:
            raise InvalidInput(
                f"{len(script.phonemes)} phonemes need as many durations of 0 frames or more, "
                f"and {len(durations)} were given (shortest {min(durations, default=0)})."
            )
        spans, starts, position = [], [], 0
        symbols = [SILENCE, *script.phonemes, SILENCE]
        for symbol, length in zip(symbols, [lead, *durations, trail], strict=True):
            spans.append(PhonemeSpan(symbol, position, position + length))
            starts.append(position)
            position += length
        words = tuple(
            # index 0 of the spans is the lead, so the end of phoneme k is the start of span k + 2
            WordSpan(word.text, starts[word.start + 1], starts[word.end + 1])
            for word in script.words
        )
        return cls(tuple(span for span in spans if span.end > span.start), words, position)

    @classmethod
    def silence(cls, frames: int) -> Timeline:
        """So many silent frames."""
        spans = (PhonemeSpan(SILENCE, 0, frames),) if frames else ()
        return cls(spans, (), frames)

    @classmethod
    def joined(cls, parts: Sequence[Timeline]) -> Timeline:
        """The parts one after the other."""
        phonemes: list[PhonemeSpan] = []
        words: list[WordSpan] = []
        position = 0
        for part in parts:
            for span in part.phonemes:
                start, end = span.start + position, span.end + position
                if span.symbol == SILENCE and phonemes and phonemes[-1].symbol == SILENCE:
                    start = phonemes.pop().start
                phonemes.append(PhonemeSpan(span.symbol, start, end))
            words += [WordSpan(w.text, w.start + position, w.end + position) for w in part.words]
            position += part.frames
        return cls(tuple(phonemes), tuple(words), position)

    @property
    def beats(self) -> int:
        """Whole beats that hold it."""
        return beats_for_mel(self.frames)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / MEL_RATE

    def ids(self) -> NDArray[np.int32]:
        """(frames,) the id of the phoneme that sounds in each mel frame; 0 is silence."""
        ids = symbol_ids("".join(span.symbol for span in self.phonemes))
        lengths = [span.end - span.start for span in self.phonemes]
        return np.repeat(np.array(ids, np.int32), lengths)

    def padded(self) -> Timeline:
        """The same with silence after it up to a whole number of beats."""
        frames = self.beats * BEAT_MEL
        if frames == self.frames:
            return self
        phonemes = list(self.phonemes)
        start = self.frames
        if phonemes and phonemes[-1].symbol == SILENCE:
            start = phonemes.pop().start
        return replace(
            self, phonemes=(*phonemes, PhonemeSpan(SILENCE, start, frames)), frames=frames
        )
