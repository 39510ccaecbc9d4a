"""Script: a text with its phonemes, and where each word of it sounds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A visible word in its original spelling, with the phonemes it is spoken as."""

    text: str
    """As the user wrote it, with the punctuation that hangs on it: `$5.20`, `Hello,`."""
    start: int
    """Index of its first sounding phoneme in `Script.phonemes`."""
    end: int
    """Index after its last sounding phoneme."""


@dataclass(frozen=True, slots=True)
class Script:
    """A text ready to be spoken."""

    text: str
    """The text as it was given."""
    phonemes: str
    """One character a phoneme; `jamflow_rt.text.phonemes.SILENCE` stands between sentences."""
    words: tuple[Word, ...]
    """Every visible word, in order."""

    def spoken(self, word: Word) -> str:
        """The phonemes of one word."""
        return self.phonemes[word.start : word.end]
