"""Who wants to know what a remote session tells."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from jamflow_rt.client.events import EVENT_TYPES, RemoteEvent
from jamflow_rt.errors import InvalidInput

log = logging.getLogger(__name__)


class Listeners:
    """Calls everyone who listens, in order. One that breaks does not keep the others from it."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[RemoteEvent], None]] = []
        self.session_id = ""
        """For the log."""

    def on_event(self, callback: Callable[[RemoteEvent], None]) -> Callable[[], None]:
        """See `RemoteSession.on_event`."""
        self._callbacks.append(callback)

        def remove() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return remove

    def on(self, kind: str, callback: Callable[[Any], None]) -> Callable[[], None]:
        """See `RemoteSession.on`."""
        if kind not in EVENT_TYPES:
            known = ", ".join(sorted(EVENT_TYPES))
            raise InvalidInput(f"There is no event type {kind!r}; there are {known}.")
        return self.on_event(lambda event: callback(event) if event.type == kind else None)

    def tell(self, event: RemoteEvent) -> None:
        """Call everyone."""
        for callback in list(self._callbacks):
            try:
                callback(event)
            except Exception:
                log.exception("A listener of session %s failed.", self.session_id)

    def clear(self) -> None:
        """Nobody listens any more."""
        self._callbacks.clear()
