"""Whether media comes in time to be played without a gap."""

from __future__ import annotations

from typing import Final

from jamflow_rt.load.arrivals import Heard

LATE: Final = 0.08
"""Seconds that a player's buffer holds: two frames, as in the bench of sessions at once."""
PARDON: Final = 0.5
"""Seconds after an interrupt in which media may be missing: what was broken off is thrown away."""


class Punctuality:
    """Counts what one client's player would have stumbled over.

    Media is compared with the media clock, which the first piece sets going. The player is one that
    waits where its buffer runs dry, and has so much more in it from then on: a server that lost
    half a second makes one underrun, not one a frame.
    """

    def __init__(self) -> None:
        self.pieces = 0
        self.missing = 0
        """Pieces that should have come by the end, and did not."""
        self.late = 0
        """Pieces that came more than LATE after their time by the clock of the first one, and those
        that are missing."""
        self.gaps = 0
        """Jumps in media time: something never came."""
        self.stalls = 0
        """Times that the player's buffer ran dry."""
        # When media time was zero: by the first piece, and as the player plays now.
        self._origin: float | None = None
        self._playing = 0.0
        # Media time that comes next, and how much of it comes at once.
        self._next = 0.0
        self._duration = 0.0
        self._pardoned = float("-inf")

    @property
    def underruns(self) -> int:
        """Gaps and stalls."""
        return self.gaps + self.stalls

    def interrupted(self, at: float) -> None:
        """The client has just asked for silence."""
        self._pardoned = at + PARDON

    def push(self, heard: Heard) -> None:
        """Take in a piece of sound: sound is the master of the media clock."""
        origin = heard.at - heard.time
        if self._origin is None:
            self._origin = self._playing = origin
        elif heard.time - self._next > heard.duration / 2 and heard.at > self._pardoned:
            self.gaps += 1
        self._duration = heard.duration
        self._next = heard.time + heard.duration
        self.pieces += 1
        self.late += origin - self._origin > LATE
        if origin - self._playing > LATE:
            self.stalls += 1
            self._playing = origin

    def end(self, at: float) -> None:
        """The client goes: what should have come by now is missing."""
        if self._origin is None:
            return
        self.stalls += at - self._next - self._playing > LATE
        self.missing = max(0, int((at - LATE - self._next - self._origin) / self._duration))
        self.late += self.missing
