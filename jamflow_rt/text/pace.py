"""How long a phrase takes, and where a text is cut into phrases: F5-TTS's rules.

Such a model does not predict durations: it is told one, by the pace of a reference. All lengths of
text are bytes of UTF-8, in which a Chinese character counts three times, about as it takes longer
(F5-TTS `infer/utils_infer.py`).
"""

from __future__ import annotations

import re

from jamflow_rt.beats import MEL_RATE

LONGEST = 22.0
"""Seconds that a reference and a phrase last together at most, where the text can be cut so."""
_SHORT = 10
"""Bytes below which a text is said slowly, since its share of the pace would be too short."""
_SLOW = 0.3
"""The speed of such a text, whatever is asked for."""
_CUTS = re.compile(r"(?<=[;:,.!?])\s+|(?<=[；：，。！？])")


def reference_text(transcript: str) -> str:
    """A transcript as F5-TTS puts it before what is to be said: with a full stop and spaces."""
    text = transcript.strip()
    if text.endswith("。"):
        return text
    # F5-TTS adds a space when it has read the transcript, and another before it samples.
    return (text if text.endswith(".") else text + ".") + "  "


def spoken_frames(reference_frames: int, reference: str, text: str, speed: float = 1.0) -> int:
    """Mel frames that a text takes at the pace of a reference.

    Args:
        reference_frames: mel frames of the reference.
        reference: what is said in it, not empty.
        text: what is to be said.
        speed: 2 is twice as fast.
    """
    size = len(text.encode())
    if size < _SHORT:
        speed = _SLOW
    return int(reference_frames / len(reference.encode()) * size / speed)


def split_phrases(
    text: str, reference: str, reference_frames: int, speed: float = 1.0
) -> list[str]:
    """A text in phrases, each short enough to be said in one piece after the reference.

    Cut is after punctuation, as seldom as possible. Unlike in F5-TTS, what is too long between two
    marks is also cut between words, and what has no words between characters.

    Args:
        text: what is to be said.
        reference: what is said in the reference, not empty.
        reference_frames: mel frames of the reference.
        speed: 2 is twice as fast.
    """
    seconds = reference_frames / MEL_RATE
    # The last space is not yet there when F5-TTS cuts.
    pace = len(reference.removesuffix(" ").encode()) / seconds * speed
    # Long references leave less room, but never less than what they themselves say in a moment.
    most = max(int(pace * (LONGEST - seconds)), int(pace))
    phrases: list[str] = []
    current = ""
    for piece in _CUTS.split(text):
        for part in _cut(piece, most):
            if current and len(current.encode()) + len(part.encode()) > most:
                phrases.append(current.strip())
                current = ""
            current += part + " " * (len(part[-1].encode()) == 1)
    if current.strip():
        phrases.append(current.strip())
    return phrases


def _cut(piece: str, most: int) -> list[str]:
    """A piece between two marks, in parts of at most `most` bytes."""
    parts: list[str] = []
    while len(piece.encode()) > most:
        fits = max(1, len(piece.encode()[:most].decode(errors="ignore")))
        at = piece.rfind(" ", 1, fits + 1)
        at = fits if at < 0 else at
        parts.append(piece[:at].strip())
        piece = piece[at:].lstrip()
    return [part for part in (*parts, piece) if part]
