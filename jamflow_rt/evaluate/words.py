"""Word and character error rates of what a recogniser heard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import jiwer
from whisper_normalizer.english import EnglishTextNormalizer


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """Edits against a reference; sums of counts give the rate of a whole corpus."""

    errors: int
    length: int

    @property
    def rate(self) -> float:
        """Errors per reference symbol; 0 for nothing said and nothing heard."""
        if not self.length:
            return float(self.errors > 0)
        return self.errors / self.length

    def __add__(self, other: ErrorCount) -> ErrorCount:
        return ErrorCount(self.errors + other.errors, self.length + other.length)


def normalise(text: str) -> str:
    """Lower case, no punctuation, numbers as digits, American spelling: Whisper's normaliser.

    It is what published word error rates of Whisper mean (Radford et al. 2022, appendix C).
    """
    return str(_normaliser()(text)).strip()


def word_errors(reference: str, heard: str) -> ErrorCount:
    """Word substitutions, insertions and deletions after normalisation."""
    expected, got = normalise(reference), normalise(heard)
    if not expected:
        return ErrorCount(len(got.split()), 0)
    return _count(jiwer.process_words(expected, got))


def character_errors(reference: str, heard: str) -> ErrorCount:
    """The same in characters, with single spaces between words counted as characters."""
    expected, got = normalise(reference), normalise(heard)
    if not expected:
        return ErrorCount(len(got), 0)
    return _count(jiwer.process_characters(expected, got))


def _count(found: jiwer.WordOutput | jiwer.CharacterOutput) -> ErrorCount:
    edits = found.substitutions + found.deletions
    return ErrorCount(edits + found.insertions, edits + found.hits)


@cache
def _normaliser() -> EnglishTextNormalizer:
    return EnglishTextNormalizer()
