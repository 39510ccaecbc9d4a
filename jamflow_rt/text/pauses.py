"""Pauses that a text asks for: "Well, [pause:0.5] yes."."""

from __future__ import annotations

import re
from typing import Final

from jamflow_rt.errors import InvalidInput

LONGEST: Final = 10.0
"""Seconds of one pause at most."""
_PAUSE: Final = re.compile(r"\[pause:\s*([^\]\s]*)\s*\]", re.IGNORECASE)


def split_pauses(text: str) -> list[str | float]:
    """The stretches of a text and, in seconds, the pauses between them; blank stretches left out.

    Raises:
        InvalidInput: a pause has no number of seconds, or one outside 0…10.
    """
    parts: list[str | float] = []
    for index, part in enumerate(_PAUSE.split(text)):
        if index % 2:
            parts.append(_seconds(part))
        elif part.strip():
            parts.append(part)
    return parts


def without_pauses(text: str) -> str:
    """The text alone."""
    return _PAUSE.sub(" ", text)


def _seconds(written: str) -> float:
    try:
        seconds = float(written)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST:
        raise InvalidInput(
            f"[pause:{written}] is no pause: write seconds from 0 to {LONGEST:g}, as [pause:0.5]."
        )
    return seconds
