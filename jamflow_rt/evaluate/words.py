"""Word and character error rates of what a recogniser heard."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_TITLES = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint", "ok": "okay"}
_MONEY = {"$": "dollar", "£": "pound", "€": "euro"}

_NUMBER = r"\d{1,3}(?:,\d{3})+|\d+"
_TOKEN = re.compile(
    rf"(?P<money>[$£€])\s?(?P<amount>{_NUMBER})(?:\.(?P<cents>\d\d))?(?!\d)"
    rf"|(?P<clock>\d{{1,2}}):(?P<minute>\d\d)"
    rf"|(?P<ordinal>{_NUMBER})(?:st|nd|rd|th)\b"
    rf"|(?P<decade>\d{{3}}0)'?s\b"
    rf"|(?P<whole>{_NUMBER})(?:\.(?P<fraction>\d+))?(?P<percent>%)?"
)


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


def normalise(text: str) -> list[str]:
    """The words of `text` as they are spoken: lower case, no punctuation, numbers as words.

    British and American spellings stay what they are.
    """
    text = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")
    text = _TOKEN.sub(lambda match: f" {_spoken(match)} ", text)
    text = text.replace("&", " and ").replace("%", " percent ")
    text = re.sub(r"(?<=\w)'(?=\w)", "", text)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return [_TITLES.get(word, word) for word in re.findall(r"[^\W_]+", text)]


def word_errors(reference: str, heard: str) -> ErrorCount:
    """Word substitutions, insertions and deletions after normalisation."""
    expected = normalise(reference)
    return ErrorCount(edit_distance(expected, normalise(heard)), len(expected))


def character_errors(reference: str, heard: str) -> ErrorCount:
    """The same in characters, with single spaces between words counted as characters."""
    expected = " ".join(normalise(reference))
    return ErrorCount(edit_distance(expected, " ".join(normalise(heard))), len(expected))


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Levenshtein distance: the fewest substitutions, insertions and deletions."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            diagonal, row[j] = row[j], min(diagonal + (a != b), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def cardinal(number: int) -> str:
    """`1204` → "one thousand two hundred four". Digit by digit from a quadrillion up."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        return _TENS[number // 10] + (f" {_ONES[number % 10]}" if number % 10 else "")
    if number < 1000:
        rest = f" {cardinal(number % 100)}" if number % 100 else ""
        return f"{_ONES[number // 100]} hundred{rest}"
    if number >= 10**15:
        return " ".join(_ONES[int(digit)] for digit in str(number))
    for scale, name in _SCALES:
        if number >= scale:
            rest = f" {cardinal(number % scale)}" if number % scale else ""
            return f"{cardinal(number // scale)} {name}{rest}"
    raise AssertionError(number)


def _year(number: int) -> str:
    high, low = divmod(number, 100)
    if low == 0:
        return f"{cardinal(high)} hundred"
    return f"{cardinal(high)} {'o ' if low < 10 else ''}{cardinal(low)}"


def _plain(digits: str) -> str:
    number = int(digits.replace(",", ""))
    # Four digits without a comma are mostly a year, and years are read in pairs.
    if "," not in digits and (1100 <= number < 2000 or 2010 <= number < 2100):
        return _year(number)
    return cardinal(number)


def _ordinal(number: int) -> str:
    *before, last = cardinal(number).split()
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return " ".join([*before, last])


def _spoken(match: re.Match[str]) -> str:
    part = match.groupdict()
    if part["money"]:
        count = int(part["amount"].replace(",", ""))
        words = f"{cardinal(count)} {_MONEY[part['money']]}{'' if count == 1 else 's'}"
        return words + (f" {cardinal(int(part['cents']))}" if int(part["cents"] or 0) else "")
    if part["clock"]:
        minute = int(part["minute"])
        if not minute:
            return cardinal(int(part["clock"]))
        return f"{cardinal(int(part['clock']))} {'o ' if minute < 10 else ''}{cardinal(minute)}"
    if part["ordinal"]:
        return _ordinal(int(part["ordinal"].replace(",", "")))
    if part["decade"]:
        *before, last = _plain(part["decade"]).split()
        return " ".join([*before, f"{last[:-1]}ies" if last.endswith("y") else f"{last}s"])
    words = _plain(part["whole"])
    if part["fraction"]:
        words += " point " + " ".join(_ONES[int(digit)] for digit in part["fraction"])
    return words + (" percent" if part["percent"] else "")
