"""Changes of voice, portrait and speed, and what the server answers to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

from pydantic import ValidationError

from jamflow_rt.errors import Failed, InvalidInput, JamflowError
from jamflow_rt.protocol import ClientEvent, SessionUpdate, SessionUpdated


class Updating:
    """Asks for changes, and lets each who asked wait until the server has made them.

    Args:
        send: takes events for the server.
    """

    def __init__(self, send: Callable[[ClientEvent], None]) -> None:
        self._send = send
        self._count = count(1)
        # Who waits: what they asked for.
        self._waiting: dict[str, tuple[dict[str, Any], asyncio.Future[None]]] = {}

    async def update(self, **asked: str | float | None) -> None:
        """See `RemoteSession.update`; None is left as it is."""
        wanted: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        event_id = f"update-{next(self._count)}"
        try:
            event = SessionUpdate(event_id=event_id, **wanted)
        except ValidationError as error:
            raise InvalidInput(f"This cannot be set: {error.errors()[0]['msg']}.") from error
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[event_id] = wanted, done
        try:
            self._send(event)
            await done
        finally:
            del self._waiting[event_id]

    def settle(self, event: SessionUpdated) -> None:
        """The server tells how things stand: who asked for that has it."""
        for wanted, done in self._waiting.values():
            if not done.done() and all(getattr(event, name) == wanted[name] for name in wanted):
                done.set_result(None)

    def refuse(self, event_id: str, error: JamflowError) -> bool:
        """The server refused an event. Returns whether it was a change."""
        if event_id not in self._waiting:
            return False
        _, done = self._waiting[event_id]
        if not done.done():
            done.set_exception(error)
        return True

    def end(self, error: JamflowError | None) -> None:
        """The session has ended; nobody waits any longer."""
        for _, done in self._waiting.values():
            if not done.done():
                done.set_exception(error or Failed("The session was closed."))
