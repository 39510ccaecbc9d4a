"""ClauseSplitter: a stream of text deltas → pieces worth speaking, as early as possible.

A cut is decided by the text before it and at most one word after it, never by how the text
was cut into deltas, so the same text gives the same pieces however it arrives.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from jamflow_rt.text.characters import speakable

_CLOSERS: Final = "\"”'’)]}»*_"
_OPENERS: Final = "\"“'‘([{«*_"
_SENTENCE_MARKS: Final = frozenset(".!?…")
_CLAUSE_MARKS: Final = frozenset(",;:—–")
_MARKS: Final = _SENTENCE_MARKS | _CLAUSE_MARKS

# A period after these does not end a sentence.
_NEVER_LAST: Final = frozenset(
    "mr mrs ms dr prof st mt ft gen gov sen rep capt lt col sgt cmdr rev hon pres supt cpl maj "
    "adm fr msgr vs eg ie cf al approx messrs mme mlle jan feb mar apr jun jul aug sep sept oct "
    "nov dec".split()
)
# A period after these ends a sentence if a capital follows.
_SELDOM_LAST: Final = frozenset(
    "etc jr sr inc ltd co corp bros ave blvd rd dept am pm mon tue tues wed thu thurs fri "
    "sat sun".split()
)
# These are followed by a number: "No. 5".
_BEFORE_NUMBER: Final = frozenset("no nos p pp vol fig ch sec art para".split())
# A very long run of words is cut before one of these.
_CONNECTIVES: Final = frozenset(
    "and but or nor so yet because although though while when where which who that if as since "
    "until unless before after than then with without into through during".split()
)
_RUN_ON_LEAST: Final = 12
_LONGEST_TOKEN: Final = 400


class _Token(NamedTuple):
    start: int
    end: int
    next: str  # the first character of the next token, "\n" for a line end, "" if not yet known


class ClauseSplitter:
    """Cuts a token stream into speakable pieces.

    A sentence end cuts at once; a clause mark cuts when the piece has `min_words`; a run of
    `max_words` without either is cut between two words.
    """

    def __init__(self, min_words: int = 4, max_words: int = 30) -> None:
        self._min_words = min_words
        self._max_words = max_words
        self._text = ""

    def feed(self, delta: str) -> list[str]:
        """Take the next part of the text; returns the pieces that are complete with it."""
        self._text += delta
        pieces = []
        start = 0
        while (cut := self._next_cut(start)) is not None:
            pieces.append(self._text[start:cut].strip())
            start = cut
        self._text = self._text[start:]
        return pieces

    def flush(self) -> list[str]:
        """The text has ended: returns what is left, if there is anything to say in it."""
        rest, self._text = self._text.strip(), ""
        return [rest] if speakable(rest) else []

    def _next_cut(self, start: int) -> int | None:
        """Where the piece that begins at `start` ends; None if that is not yet known."""
        words: list[_Token] = []
        position = start
        while (token := self._token(position)) is not None:
            position = token.end
            if speakable(self._text[token.start : token.end]):
                words.append(token)
            if not words:
                continue
            verdict = self._verdict(token, len(words))
            if verdict is None:
                return None
            if verdict:
                return token.end
            if len(words) >= self._max_words:
                return self._run_on_cut(words) if token.next else None
        return None

    def _token(self, position: int) -> _Token | None:
        """The next run of characters without white space, once its end has arrived."""
        text, length = self._text, len(self._text)
        start = position
        while start < length and text[start].isspace():
            start += 1
        end = start
        while end < length and not text[end].isspace() and end - start < _LONGEST_TOKEN:
            if text[end] != "—" and text[end - 1 : end] == "—" and end > start:
                if text[end] not in _CLOSERS:
                    break  # a dash ends a token: "yes—no"
            end += 1
        if end >= length:
            return None
        after = end
        while after < length and text[after].isspace() and text[after] != "\n":
            after += 1
        return _Token(start, end, text[after : after + 1])

    def _verdict(self, token: _Token, words: int) -> bool | None:
        """Whether the piece ends after `token`; None while it depends on what follows."""
        raw = self._text[token.start : token.end]
        if token.next == "\n" or len(raw) >= _LONGEST_TOKEN:
            return True
        core = _without_tail(raw)
        mark = core[-1:]
        if mark in _SENTENCE_MARKS:
            quoted = any(character in _CLOSERS for character in raw[len(core) :])
            return self._ends_sentence(core, token, words, quoted)
        if mark not in _CLAUSE_MARKS and raw != "-":
            return False
        if words < self._min_words:
            return False
        if not token.next:
            return None
        return not (mark in ",:" and token.next.isdigit())  # "July 4, 2024"

    def _ends_sentence(self, core: str, token: _Token, words: int, quoted: bool) -> bool | None:
        word = core.lstrip(_OPENERS).rstrip(".!?…")
        bare = word.replace(".", "").lower()
        single = core.endswith(".") and not core.endswith("..")
        if single:
            initials = "." in word and all(
                part.isalpha() and len(part) <= 2 for part in word.split(".")
            )
            if bare in _NEVER_LAST or (len(word) == 1 and word.isupper()):
                return False
            if initials and bare not in _SELDOM_LAST:
                return False
            if word.isdigit() and words == 1:
                return False  # the number of a list item: "1. Flour"
        plain = core.endswith(("!", "?")) or (
            single
            and len(word) > 1
            and not any(character.isdigit() or character == "." for character in word)
            and bare not in _SELDOM_LAST
            and bare not in _BEFORE_NUMBER
        )
        if plain and not quoted:
            return True
        if not token.next:
            return None
        if single and bare in _BEFORE_NUMBER and token.next.isdigit():
            return False
        if token.next.islower():
            # "Wait... what" only pauses; '"Hi!" he said' goes on.
            return not single and not quoted and words >= self._min_words
        return True

    def _run_on_cut(self, words: list[_Token]) -> int:
        """Where to cut words that no mark divides: before a connective, or after the last one."""
        for index in range(len(words) - 1, _RUN_ON_LEAST - 1, -1):
            token = words[index]
            if self._text[token.start : token.end].lower() in _CONNECTIVES:
                return words[index - 1].end
        return words[-1].end


def _without_tail(token: str) -> str:
    """A token without the quotes, brackets and emoji behind its last letter or mark."""
    end = len(token)
    while end and not (token[end - 1] in _MARKS or speakable(token[end - 1])):
        end -= 1
    return token[:end]
