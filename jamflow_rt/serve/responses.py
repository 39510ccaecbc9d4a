"""The responses of one client: those that wait or sound, and those that lately ended."""

from __future__ import annotations

from typing import Final

from jamflow_rt.errors import Overloaded
from jamflow_rt.stream.speech import Speech

MAX_WAITING: Final = 32
"""Responses that may wait to be said. More is a runaway client."""
MAX_REMEMBERED: Final = 64
"""Responses that a client can still say of how far it heard them; ended ones are forgotten."""


class Responses:
    """The speeches that a client asked for, by their id."""

    def __init__(self) -> None:
        self._known: dict[str, Speech] = {}
        self._open: set[str] = set()

    def __len__(self) -> int:
        """Those that have not ended."""
        return len(self._open)

    def check_room(self) -> None:
        """Raise Overloaded when one more would be too many."""
        if len(self._open) >= MAX_WAITING:
            raise Overloaded(f"{MAX_WAITING} responses wait already; let some be said first.")

    def add(self, speech: Speech) -> None:
        """One more; what is oldest is forgotten. Those that wait are the newest."""
        self._known[speech.id] = speech
        self._open.add(speech.id)
        while len(self._known) > MAX_REMEMBERED:
            forgotten = next(iter(self._known))
            del self._known[forgotten]
            self._open.discard(forgotten)

    def end(self, response_id: str) -> None:
        """It was heard, interrupted, or failed."""
        self._open.discard(response_id)

    def find(self, response_id: str) -> Speech | None:
        """The speech of a response; None when it is unknown or forgotten."""
        return self._known.get(response_id)


def spoken_until(speech: Speech, milliseconds: int) -> str:
    """The words of a speech that ended until then."""
    return " ".join(word.text for word in speech.words if round(1000 * word.end) <= milliseconds)
