"""Attention: what a session does about the user whom it hears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.hear import hearing
from jamflow_rt.stream.events import Event, UserStarted, UserStopped
from jamflow_rt.stream.playout import Playout
from jamflow_rt.stream.programme import Attending, Programme


class Attention:
    """Listens while the user speaks, nods at pauses, thinks when the turn has ended.

    Args:
        settings: when a voice counts.
        programme: told what the session attends to.
        playout: shows it.
        interrupt: ends what is being said.
        emit: takes events.
    """

    def __init__(
        self,
        settings: hearing.HearingSettings,
        programme: Programme,
        playout: Playout,
        interrupt: Callable[[], object],
        emit: Callable[[Event], None],
    ) -> None:
        self._settings = settings
        self._programme = programme
        self._playout = playout
        self._interrupt = interrupt
        self._emit = emit
        # Made with the first sound: most sessions hear nothing.
        self._hearing: hearing.Hearing | None = None

    def hear(self, pcm: NDArray[Any], sample_rate: int) -> None:
        """Take the user's sound in; raises InvalidInput when it cannot be used."""
        if self._hearing is None:
            self._hearing = hearing.Hearing(self._settings)
        speaking = self._programme.state == "speaking"
        for heard in self._hearing.push(pcm, sample_rate, speaking):
            match heard:
                case hearing.BargeIn():
                    self._interrupt()
                    self._started(interrupts=True)
                case hearing.UserStarted():
                    self._started(interrupts=False)
                case hearing.UserPaused():
                    self._playout.manner.nod()
                case hearing.UserStopped():
                    self.attend("thinking")
                    self._emit(UserStopped(self._playout.clock.time))

    def played(self, sound: NDArray[np.float32]) -> None:
        """What left the session: it may come back from the user's loudspeakers."""
        if self._hearing is not None:
            self._hearing.played(sound)

    def attend(self, to: Attending) -> None:
        """What the face does while it says nothing."""
        self._playout.manner.listening = to == "listening"
        self._programme.attend(to)

    def reset(self) -> None:
        """Forget what was heard."""
        if self._hearing is not None:
            self._hearing.reset()

    def _started(self, interrupts: bool) -> None:
        self.attend("listening")
        self._emit(UserStarted(self._playout.clock.time, interrupts))
