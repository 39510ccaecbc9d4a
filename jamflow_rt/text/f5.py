"""Characters as F5-TTS reads them: Latin letters as they are, Chinese as pinyin with tones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.errors import InvalidInput, NotSupported

_PLAIN = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"})
# Where jieba looks for words, and what it takes for one word of Latin letters and digits.
_BLOCK = re.compile(r"[a-zA-Z0-9+#&._%\-]+")
_RUN = re.compile(r"([a-zA-Z0-9]+(?:[.\-_][a-zA-Z0-9]+)*%?)")
_TIGHT = " :'\""
"""After these no space is put before a word."""


class CharacterVocabulary:
    """What F5-TTS's `vocab.txt` says: which character or syllable has which number.

    Args:
        entries: line by line; the first is a space, which also stands for what is unknown.

    Raises:
        InvalidInput: the first entry is no space.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        if not entries or entries[0] != " ":
            raise InvalidInput(
                "A vocabulary begins with a line that holds one space, which stands for what is "
                "unknown; this one does not."
            )
        self._numbers = {entry: number for number, entry in enumerate(entries, start=1)}

    @classmethod
    def load(cls, path: str | Path) -> CharacterVocabulary:
        """Read a `vocab.txt`.

        Raises:
            InvalidInput: the file cannot be read, or is no vocabulary.
        """
        try:
            lines = Path(path).read_text("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path} cannot be read as a vocabulary: {error}") from error
        try:
            return cls(lines if lines[-1] else lines[:-1])
        except InvalidInput as error:
            raise InvalidInput(f"{path}: {error}") from error

    def __len__(self) -> int:
        return len(self._numbers)

    def knows(self, character: str) -> bool:
        """Whether a character is an entry, or Chinese and thus read by its syllable."""
        return character in self._numbers or _is_chinese(character)

    def ids(self, text: str) -> NDArray[np.int32]:
        """(n,) numbers from 1 of what is read; 0, which is filler, is never among them.

        Raises:
            NotSupported: the text is Chinese and the packages that read it are not installed.
        """
        space = self._numbers[" "]
        read = [self._numbers.get(entry, space) for entry in read_characters(text)]
        return np.array(read, np.int32)


def read_characters(text: str) -> list[str]:
    """Characters and pinyin syllables of a text (F5-TTS `model/utils.py`: convert_char_to_pinyin).

    A space goes before words of more than one letter and before syllables, where none is.

    Raises:
        NotSupported: the text is Chinese and the packages that read it are not installed.
    """
    text = text.translate(_PLAIN)
    if any(map(_is_chinese, text)):
        return _read_chinese(text)
    read: list[str] = []
    for word in _words(text):
        _append(read, word)
    return read


def _words(text: str) -> Iterator[str]:
    """As jieba cuts a text without Chinese, but for the few Latin words of its dictionary."""
    at = 0
    for block in _BLOCK.finditer(text):
        yield from text[at : block.start()]
        yield from filter(None, _RUN.split(block.group()))
        at = block.end()
    yield from text[at:]


def _append(read: list[str], word: str) -> None:
    if len(word) > 1 and read and read[-1] not in _TIGHT:
        read.append(" ")
    read.extend(word)


def _read_chinese(text: str) -> list[str]:
    try:
        import rjieba
        from pypinyin import Style, lazy_pinyin
    except ImportError as error:
        raise NotSupported(
            'Chinese text needs more packages: pip install "jamflow-rt[pinyin]".'
        ) from error

    def syllables(characters: str) -> list[str]:
        found: list[str] = lazy_pinyin(characters, style=Style.TONE3, tone_sandhi=True)
        return found

    read: list[str] = []
    for word in rjieba.cut(text):
        if word.isascii():
            _append(read, word)
            continue
        # The tones of a word change together; of what is mixed, each character stands alone.
        whole = syllables(word) if all(len(c.encode()) == 3 for c in word) else []
        for index, character in enumerate(word):
            if not _is_chinese(character):
                read.append(character)
                continue
            alone = len(whole) != len(word)
            read += [" ", *(syllables(character) if alone else whole[index : index + 1])]
    return read


def _is_chinese(character: str) -> bool:
    return "\u3100" <= character <= "\u9fff"
