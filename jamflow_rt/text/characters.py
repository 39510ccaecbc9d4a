"""What may stand in a text: Latin letters, digits, punctuation, and what is silently left out.

Emoji and other pictures are dropped, typographic signs become those the reader of
`jamflow_rt.text.phonemes` knows, and letters of other scripts are an error that names them.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

from jamflow_rt.errors import InvalidInput

_READ_AS_WRITTEN: Final = frozenset("“”‘’–—…‒―£€¥₹₩¢§¶±×÷™®©•→←½¼¾²³µ°ªº¹")
_READ_AS: Final = {
    **dict.fromkeys("ʼʻ´′‚‹›‛", "'"),
    **dict.fromkeys("„«‟", "“"),
    **dict.fromkeys("»″", "”"),
    **dict.fromkeys("‐‑−", "-"),
    "⁄": "/",
    "·": " ",
    "≤": " less than or equal to ",
    "≥": " greater than or equal to ",
    "≠": " not equal to ",
    "≈": " about ",
    "∞": " infinity ",
    "√": " square root of ",
}
_NEW_LINES: Final = frozenset("\n\r\x0b\x0c\x85\u2028\u2029")

_SILENT_BUT_SHOWN: Final = ("COMBINING", "MODIFIER LETTER")

# A dash between two words ends the first: "yes—no" is two words.
_WORD: Final = re.compile(r"[^\s—]*—+[”’)\]]*(?=[\"“‘'(\[]*\w)|\S+")
# The number reader stops at decillions; nobody wants to hear them anyway.
_LONG_NUMBER: Final = re.compile(r"\d(?:,?\d){15,}")


class Written(NamedTuple):
    """One word as it stands in a text."""

    display: str
    """As the user wrote it, without emoji."""
    spoken: str
    """The same in characters the reader knows."""
    glue: str
    """What stands before it: "", " " or "\\n"."""


def speakable(text: str) -> bool:
    """Whether `text` stands on its own: signs (`&`, `€`) are only read beside letters or digits."""
    return any(character.isalnum() for character in text)


def word_spans(text: str) -> list[tuple[int, int]]:
    """The (start, end) of every word of `text`: cut at white space and after dashes."""
    return [match.span() for match in _WORD.finditer(text)]


def written_words(text: str) -> list[Written]:
    """The words of a text, with what each is read from.

    Raises:
        InvalidInput: the text has letters of another script; the message names them.
    """
    shown: list[str] = []
    spoken: list[str] = []
    foreign: dict[str, None] = {}
    for character in unicodedata.normalize("NFC", text):
        reading = _reading(character)
        if reading is None:
            foreign[character] = None
        elif reading or unicodedata.name(character, "").startswith(_SILENT_BUT_SHOWN):
            # a line keeps one character for one reading, so that both can be cut alike
            shown.append(reading if reading.isspace() and len(reading) == 1 else character)
            spoken.append(reading)
    if foreign:
        raise InvalidInput(_describe(list(foreign)))
    line = "".join(shown)
    words, end = [], 0
    for start, stop in word_spans(line):
        gap = line[end:start]
        glue = "\n" if "\n" in gap else gap[:1]
        reading = _LONG_NUMBER.sub(_digit_by_digit, "".join(spoken[start:stop]))
        words.append(Written(line[start:stop], reading, glue))
        end = stop
    return words


def _digit_by_digit(match: re.Match[str]) -> str:
    return " ".join(match.group().replace(",", ""))


def _reading(character: str) -> str | None:
    """What is read for one character; "" or " " if nothing is, None if it cannot be."""
    if character.isascii():
        if character.isprintable():
            return character
        if character in _NEW_LINES:
            return "\n"
        return " " if character.isspace() else ""
    if character in _READ_AS_WRITTEN:
        return character
    if character in _READ_AS:
        return _READ_AS[character]
    if character in _NEW_LINES:
        return "\n"
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category[0] == "L" and unicodedata.name(character, "").startswith("LATIN"):
        return _latin(character)
    if category in ("Cf", "Cc", "Mn", "Me", "Sk", "Lm"):
        # Joiners, variation selectors, skin tones, stray accents: they belong to their neighbour.
        return None if category in ("Mn", "Lm") and not _common(character) else ""
    compatible = unicodedata.normalize("NFKC", character)
    if compatible != character:
        parts = [_reading(part) for part in compatible]
        return None if None in parts else "".join(part for part in parts if part)
    if category[0] in "LMN":
        return None
    return " "


def _latin(character: str) -> str:
    """Letters beyond Latin Extended-B lose their accents: the reader has no entry for them."""
    if ord(character) < 0x250:
        return character
    parts = unicodedata.normalize("NFKD", character)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _common(character: str) -> bool:
    """Marks and modifiers that belong to no script in particular."""
    name = unicodedata.name(character, "")
    return name.startswith(("VARIATION SELECTOR", *_SILENT_BUT_SHOWN))


def _describe(foreign: list[str]) -> str:
    scripts = dict.fromkeys(
        unicodedata.name(character, "UNKNOWN").split(" ")[0].split("-")[0].capitalize()
        for character in foreign
    )
    named = " ".join(foreign[:12]) + (" …" if len(foreign) > 12 else "")
    return (
        f"These characters cannot be spoken: {named} ({', '.join(scripts)}). "
        "Only English in Latin letters can; transliterate them or leave them out."
    )
