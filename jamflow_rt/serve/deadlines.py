"""When a session must end: it has lasted too long, or nobody asks anything of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Literal

from jamflow_rt.config import ServerConfig
from jamflow_rt.stream import events

Reason = Literal["time", "idle"]
_WORKING: Final = frozenset({"speaking", "thinking"})


class Deadlines:
    """Watches over one session; warns before it must end, and says when it must.

    Every sign of life goes to `touch`, and the session's events to `saw`. While the avatar speaks
    or thinks the session is not idle. A sign of life after a warning takes it back.

    Args:
        config: `max_session_seconds`, `idle_seconds` and `warning_seconds`.
        expiring: called with the reason and the seconds that are left.
        expired: called with the reason, once; nothing is called after it.
        now: monotonic time in seconds; tests pass their own.
        sleep: waits for some seconds; tests pass one that moves their time.
    """

    def __init__(
        self,
        config: ServerConfig,
        expiring: Callable[[Reason, float], None],
        expired: Callable[[Reason], None],
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._expiring = expiring
        self._expired = expired
        self._warning = config.warning_seconds
        self._idle = config.idle_seconds
        self._now = now
        self._sleep = sleep
        self._end = now() + config.max_session_seconds
        self._touched = now()
        self._working = False
        # Ends that were warned of. An idle end that was moved since is another one.
        self._warned: set[tuple[Reason, float]] = set()

    def touch(self) -> None:
        """Somebody asked something of the session."""
        self._touched = self._now()

    def saw(self, event: events.Event) -> None:
        """An event of the session: a listener for `Session.on_event`."""
        match event:
            case events.StateChanged():
                if self._working:
                    self.touch()
                self._working = event.state in _WORKING
            case (
                events.SpeechStarted()
                | events.WordSpoken()
                | events.SpeechFinished()
                | events.SpeechInterrupted()
                | events.UserStarted()
                | events.UserStopped()
            ):
                self.touch()
            case events.Underrun() | events.Metrics() | events.SessionFailed():
                pass

    async def run(self) -> None:
        """Watch until the session has expired, or until cancelled."""
        while True:
            now = self._now()
            if self._working:
                self._touched = now
            ends: list[tuple[Reason, float]] = [
                ("time", self._end),
                ("idle", self._touched + self._idle),
            ]
            reason, end = min(ends, key=lambda item: item[1])
            if now >= end:
                self._expired(reason)
                return
            self._warned &= set(ends)
            wake = end
            for item in ends:
                warn = item[1] - self._warning
                if item in self._warned:
                    continue
                if now >= warn:
                    self._warned.add(item)
                    self._expiring(item[0], item[1] - now)
                else:
                    wake = min(wake, warn)
            await self._sleep(wake - now)
