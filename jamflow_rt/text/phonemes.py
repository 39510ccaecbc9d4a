"""Text → phonemes with the word they belong to. The reader is hibari-tts's G2P (a port of misaki).

Phonemes are those of misaki and Kokoro: one character each, with stress marks, spaces and
punctuation among them. Id 0 is silence.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final, NamedTuple

from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.characters import Written, word_spans, written_words
from jamflow_rt.text.script import Script, Word
from jamflow_rt.text.words import align_words

SILENCE: Final = "_"
"""The symbol of id 0; it stands between sentences."""
VOCABULARY_SIZE: Final = 178
PUNCTUATION: Final = frozenset(';:,.!?—…"()“” ')
"""Symbols that are no sound of their own: pauses, and the spaces between words."""

_LONGEST: Final = 400
"""Longer sentences are cut at clause marks, as hibari does."""
_CLAUSE_MARKS: Final = frozenset(",;:—")
_OPENING: Final = frozenset("$£€¥₹₩#([“‘«¿¡")


@cache
def vocabulary() -> Mapping[str, int]:
    """Symbol → id. `SILENCE` is 0, the others are hibari's (and Kokoro's)."""
    asset = resources.files("hibari") / "assets" / "vocab.json"
    symbols: dict[str, int] = json.loads(asset.read_text(encoding="utf-8"))
    return MappingProxyType({SILENCE: 0, **symbols})


def symbol_ids(phonemes: str) -> list[int]:
    """The id of each phoneme of a string.

    Raises:
        InvalidInput: the string has a symbol that is no phoneme.
    """
    table = vocabulary()
    try:
        return [table[symbol] for symbol in phonemes]
    except KeyError as error:
        raise InvalidInput(
            f"{error.args[0]!r} in {phonemes!r} is no phoneme; see jamflow_rt.text.phonemes."
        ) from None


class _Sentence(NamedTuple):
    phonemes: str
    ranges: list[tuple[int, int]]  # for each written word; empty if it has no sound of its own


class Phonemizer:
    """Reads English text. Loads its dictionaries once (about a second); safe to share."""

    def __init__(self) -> None:
        from hibari.g2p import G2P
        from hibari.g2p.normalize import normalize
        from hibari.tts import Hibari

        self._readers = {british: G2P(british=british) for british in (False, True)}
        self._normalize = normalize
        self._sentences = Hibari.split_sentences

    def __call__(self, text: str, british: bool = False) -> Script:
        """Phonemes and words of a text of one or more sentences.

        Args:
            text: what is to be read.
            british: read it as in Britain, otherwise as in America.

        Raises:
            InvalidInput: there is nothing to say in it, or it has letters of another script.
        """
        written = written_words(text)
        joined, starts = "", []
        for word in written:
            joined += word.glue
            starts.append(len(joined))
            joined += word.spoken
        phonemes, ranges = "", []
        first = position = 0
        for sentence in self._sentences(joined):
            position = joined.index(sentence, position) + len(sentence)
            # The words up to here are the sentence's; closing quotes may hang on the last one.
            last = bisect_right(starts, position - 1)
            part = self._read(sentence, written[first:last], british)
            shift = len(phonemes) + (1 if phonemes and part.phonemes else 0)
            phonemes += (SILENCE if shift > len(phonemes) else "") + part.phonemes
            ranges += [(a + shift, b + shift) for a, b in part.ranges]
            first = last
        ranges += [(0, 0)] * (len(written) - len(ranges))
        words = tuple(_merge(written, ranges))
        if not words:
            raise InvalidInput(
                "There is nothing to say: the text is empty or has no letters or digits."
            )
        return Script(text, phonemes, words)

    def _read(self, sentence: str, written: list[Written], british: bool) -> _Sentence:
        """Phonemes of one sentence, as hibari gives them, and the range of each of its words."""
        normal = self._normalize(sentence)
        try:
            reader = self._readers[british]
            tokens = reader.phonemize_tokens(reader.tokenize(normal))
        except (ValueError, IndexError, KeyError, TypeError) as error:
            raise InvalidInput(f"This cannot be read aloud: {sentence[:80]!r}.") from error
        spans = word_spans(normal)
        span_starts = [start for start, _ in spans]
        heard: list[list[int]] = [[] for _ in spans]  # indices of the sounds of each normal word
        symbols: list[str] = []
        known, position = vocabulary(), 0
        for token in tokens:
            found = max(normal.find(token.text, position), position)
            position = min(found + len(token.text), len(normal))
            index = bisect_right(span_starts, found) - 1
            for symbol in token.phonemes or "":
                if symbol in known and symbol != SILENCE:
                    if symbol not in PUNCTUATION:
                        heard[index].append(len(symbols))
                    symbols.append(symbol)
            if token.whitespace:
                symbols.append(" ")
        if not any(heard):
            return _Sentence("", [(0, 0)] * len(written))
        joined = "".join(symbols)
        lead = len(joined) - len(joined.lstrip())
        # A written word may be read from several (long numbers digit by digit).
        parts = [(k, part) for k, word in enumerate(written) for part in word.spoken.split()]
        shares = align_words(
            [part for _, part in parts], [normal[a:b] for a, b in spans], self._normalize
        )
        sounds: list[list[int]] = [[] for _ in written]
        for (k, _), (start, end) in zip(parts, shares, strict=True):
            sounds[k] += [index for word in heard[start:end] for index in word]
        ranges = [(min(s) - lead, max(s) + 1 - lead) if s else (0, 0) for s in sounds]
        return _Sentence(_cut_long(joined.strip()), ranges)


def _merge(written: list[Written], ranges: Iterable[tuple[int, int]]) -> list[Word]:
    """Words; what has no sound of its own (a dash, a lone `$`) hangs on its neighbour."""
    words: list[Word] = []
    before = ""
    for part, (start, end) in zip(written, ranges, strict=True):
        glue = " " if part.glue else ""
        if end > start:
            words.append(Word(before + (glue if before else "") + part.display, start, end))
            before = ""
        elif words and not before and part.display[-1] not in _OPENING:
            words[-1] = _longer(words[-1], glue + part.display)
        else:
            before += (glue if before else "") + part.display
    if words and before:
        words[-1] = _longer(words[-1], " " + before)
    return words


def _longer(word: Word, tail: str) -> Word:
    return Word(word.text + tail, word.start, word.end)


def _cut_long(phonemes: str) -> str:
    """Put silences into a sentence of more than `_LONGEST` symbols, after clause marks."""
    if len(phonemes) <= _LONGEST:
        return phonemes
    symbols = list(phonemes)
    piece, cut = 0, 0  # where the piece starts, and the last place it can end
    marks = [
        k for k in range(1, len(symbols)) if symbols[k] == " " and symbols[k - 1] in _CLAUSE_MARKS
    ]
    for mark in [*marks, len(symbols)]:
        if mark - piece > _LONGEST and cut > piece:
            symbols[cut] = SILENCE
            piece = cut + 1
        cut = mark
    return "".join(symbols)
