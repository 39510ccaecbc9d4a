"""How each phoneme is made, as numbers: what a phone-to-motion model can generalise over.

GRID's fifty words lack some English phonemes; described by place, manner and vowel shape, an
unseen phoneme still lands near the ones the face was seen saying.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEATURES = (
    "silence",
    "bilabial",
    "labiodental",
    "dental",
    "alveolar",
    "postalveolar",
    "palatal",
    "velar",
    "glottal",
    "plosive",
    "fricative",
    "nasal",
    "approximant",
    "lateral",
    "rhotic",
    "voiced",
    "vowel",
    "open",
    "back",
    "round",
    "open_end",
    "back_end",
    "round_end",
)

_CONSONANTS = {
    "p": "bilabial plosive",
    "b": "bilabial plosive voiced",
    "m": "bilabial nasal voiced",
    "f": "labiodental fricative",
    "v": "labiodental fricative voiced",
    "θ": "dental fricative",
    "ð": "dental fricative voiced",
    "t": "alveolar plosive",
    "d": "alveolar plosive voiced",
    "T": "alveolar plosive voiced",
    "ɾ": "alveolar plosive voiced",
    "n": "alveolar nasal voiced",
    "s": "alveolar fricative",
    "z": "alveolar fricative voiced",
    "l": "alveolar approximant lateral voiced",
    "ɹ": "postalveolar approximant rhotic voiced",
    "ʃ": "postalveolar fricative",
    "ʒ": "postalveolar fricative voiced",
    "ʧ": "postalveolar plosive fricative",
    "ʤ": "postalveolar plosive fricative voiced",
    "j": "palatal approximant voiced",
    "k": "velar plosive",
    "ɡ": "velar plosive voiced",
    "ŋ": "velar nasal voiced",
    "w": "bilabial velar approximant voiced",
    "h": "glottal fricative",
    "ʔ": "glottal plosive",
}

# (open, back, round) at the start and, for diphthongs, at the end.
_VOWELS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "i": ((0.0, 0.0, 0.0),),
    "ɪ": ((0.2, 0.15, 0.0),),
    "ᵻ": ((0.2, 0.4, 0.0),),
    "ɛ": ((0.55, 0.1, 0.0),),
    "æ": ((0.85, 0.1, 0.0),),
    "a": ((1.0, 0.4, 0.0),),
    "ə": ((0.45, 0.5, 0.0),),
    "ᵊ": ((0.4, 0.5, 0.0),),
    "ɐ": ((0.55, 0.5, 0.0),),
    "ʌ": ((0.65, 0.7, 0.0),),
    "ɜ": ((0.45, 0.5, 0.3),),
    "ɑ": ((1.0, 1.0, 0.0),),
    "ɒ": ((0.9, 1.0, 0.4),),
    "ɔ": ((0.7, 1.0, 0.6),),
    "ʊ": ((0.25, 0.8, 0.7),),
    "u": ((0.05, 0.9, 1.0),),
    "A": ((0.5, 0.1, 0.0), (0.1, 0.05, 0.0)),
    "I": ((1.0, 0.5, 0.0), (0.15, 0.1, 0.0)),
    "W": ((1.0, 0.5, 0.0), (0.25, 0.9, 0.9)),
    "O": ((0.55, 0.9, 0.7), (0.2, 0.9, 1.0)),
    "Q": ((0.5, 0.5, 0.4), (0.2, 0.9, 1.0)),
    "Y": ((0.65, 1.0, 0.7), (0.15, 0.1, 0.0)),
}

ARPABET = {
    **{"AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "W", "AY": "I", "B": "b", "CH": "ʧ"},
    **{"D": "d", "DH": "ð", "EH": "ɛ", "ER": "ɜ", "EY": "A", "F": "f", "G": "ɡ", "HH": "h"},
    **{"IH": "ɪ", "IY": "i", "JH": "ʤ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ"},
    **{"OW": "O", "OY": "Y", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ"},
    **{"UH": "ʊ", "UW": "u", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ"},
}
"""ARPABET (the forced aligner's alphabet) → the phoneme alphabet of the text room."""

_NEAREST = {
    **{symbol: name for name, symbol in ARPABET.items()},
    **{"ə": "AH", "ᵊ": "AH", "ɐ": "AH", "ᵻ": "IH", "a": "AE", "ɒ": "AA", "Q": "OW"},
    **{"ɾ": "T", "T": "T", "ʔ": "T"},
}

BILABIALS = frozenset("pbm")


def arpabet(phonemes: str) -> list[str]:
    """A word's phonemes in ARPABET; each takes the nearest, and what is no phoneme is left out."""
    # There, a vowel and the r that colours it are one.
    coloured = phonemes.replace("ɜɹ", "ɜ").replace("əɹ", "ɜ").replace("ɜː", "ɜ")
    return [_NEAREST[symbol] for symbol in coloured if symbol in _NEAREST]


def describe(symbol: str) -> NDArray[np.float32] | None:
    """The articulation of a phoneme symbol, (len(FEATURES),), or None if it is no phoneme.

    Stress marks, spaces and punctuation are no phonemes.
    """
    vector = np.zeros(len(FEATURES), np.float32)
    if symbol in _CONSONANTS:
        for name in _CONSONANTS[symbol].split():
            vector[FEATURES.index(name)] = 1
        if symbol == "w":
            vector[FEATURES.index("round")] = vector[FEATURES.index("round_end")] = 1
        return vector
    if symbol in _VOWELS:
        shapes = _VOWELS[symbol]
        vector[FEATURES.index("vowel")] = vector[FEATURES.index("voiced")] = 1
        if symbol == "ɜ":
            vector[FEATURES.index("rhotic")] = 1
        start = FEATURES.index("open")
        vector[start : start + 3], vector[start + 3 : start + 6] = shapes[0], shapes[-1]
        return vector
    return None


SILENT = np.eye(len(FEATURES), dtype=np.float32)[0]
"""The articulation of silence."""
