"""Who wants to know what a session tells; the remote session's listeners are kept here too."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from jamflow_rt.errors import InvalidInput

log = logging.getLogger(__name__)


class Typed(Protocol):
    """An event: it knows its type's name."""

    @property
    def type(self) -> str:
        """Such as `speech.word`."""


E = TypeVar("E", bound=Typed)


class Listeners(Generic[E]):
    """Calls everyone who listens, in order. One that breaks does not keep the others from it.

    Args:
        session_id: for the log.
        types: of all events there are.
    """

    def __init__(self, session_id: str, types: frozenset[str]) -> None:
        self.session_id = session_id
        self._types = types
        self._callbacks: list[Callable[[E], None]] = []

    def on_event(self, callback: Callable[[E], None]) -> Callable[[], None]:
        """See `Session.on_event`."""
        self._callbacks.append(callback)

        def remove() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return remove

    def on(self, kind: str, callback: Callable[[Any], None]) -> Callable[[], None]:
        """See `Session.on`."""
        if kind not in self._types:
            known = ", ".join(sorted(self._types))
            raise InvalidInput(f"There is no event type {kind!r}; there are {known}.")
        return self.on_event(lambda event: callback(event) if event.type == kind else None)

    def tell(self, event: E) -> None:
        """Call everyone."""
        for callback in list(self._callbacks):
            try:
                callback(event)
            except Exception:
                log.exception("A listener of session %s failed.", self.session_id)

    def clear(self) -> None:
        """Nobody listens any more."""
        self._callbacks.clear()
