"""What comes to a client, and what a client can do, whatever carries it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.errors import JamflowError


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of sound came. It is taken to be played from then on."""

    at: float
    """When, on the event loop's clock."""
    time: float
    """Seconds on the session's media clock at which it starts."""
    sound: NDArray[np.float32]
    """(N,) samples −1…1."""
    sample_rate: int

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.sound) / self.sample_rate


@dataclass(frozen=True, slots=True)
class Seen:
    """A new picture, or new motion, came."""

    at: float
    """When, on the event loop's clock."""


Arrival = Heard | Seen


class Connection(Protocol):
    """A client that the server has let in."""

    underruns: int
    """The server's own account of them."""
    troubles: list[JamflowError]
    """What went wrong and ended nothing, in order."""

    def arrivals(self) -> AsyncIterator[Arrival]:
        """What comes, as it comes; ends with the session.

        Raises:
            JamflowError: the session failed, or its connection did not come back.
        """

    def say(self, text: str) -> Awaitable[object]:
        """Ask for a speech. Who awaits the result waits for its end.

        Raises:
            JamflowError: the server refuses it, or it failed; at once, or where it is awaited.
        """

    async def interrupt(self) -> None:
        """Break off what is being said; returns when the server says that it has ended."""

    async def received(self) -> int:
        """Bytes that came, in all."""

    async def aclose(self) -> None:
        """Leave."""


Open = Callable[[int], Awaitable[Connection]]
"""Opens the connection of the client of that number. Raises JamflowError when it is refused."""
