"""Who is in the house: admission and the register of open sessions."""

from __future__ import annotations

import logging

from jamflow_rt.errors import Overloaded
from jamflow_rt.stream.capacity import Capacity
from jamflow_rt.stream.session import Session

log = logging.getLogger(__name__)


class SessionManager:
    """Admits sessions while they fit, and knows those that are open.

    The first is admitted on every machine: late frames are better than none.

    Args:
        max_sessions: sessions at the same time; None leaves it to the capacity.
        capacity: says whether one more would fit; None leaves it to `max_sessions`.
        retry_after: seconds after which it is worth to ask again.
    """

    def __init__(
        self,
        max_sessions: int | None,
        capacity: Capacity | None = None,
        retry_after: float = 5.0,
    ) -> None:
        self.max_sessions = max_sessions
        self._capacity = capacity
        self._retry_after = retry_after
        self._sessions: dict[str, Session] = {}
        # Pixels of a picture of every session that is open or being opened.
        self._places: dict[str, int] = {}
        self._count = 0

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The open sessions, oldest first."""
        return tuple(self._sessions.values())

    def refusal(self, pixels: int = 0) -> str | None:
        """Why one more session would be refused now; None when there is a place.

        Args:
            pixels: of one of its pictures; 0 when it has none.
        """
        taken = len(self._places)
        if self.max_sessions is not None and taken >= self.max_sessions:
            return f"All {self.max_sessions} sessions are in use."
        if taken and not self._fits(pixels):
            return (
                f"This machine is full: it could not serve {taken + 1} sessions that speak at once."
            )
        return None

    def admit(self, pixels: int = 0) -> str:
        """Reserve a place. Follow with `enter` or `give_up`.

        Args:
            pixels: of one of its pictures; 0 when it has none.

        Returns:
            An id for the session.

        Raises:
            Overloaded: all places are taken, or the machine could not serve one more.
        """
        reason = self.refusal(pixels)
        if reason is not None:
            raise Overloaded(
                f"{reason} Try again in {self._retry_after:g} seconds.", self._retry_after
            )
        if not self._fits(pixels):
            log.warning(
                "This machine is too slow even for one session: expect gaps in its sound. "
                "Fewer evaluations, smaller pictures or pictures=False ask for less."
            )
        self._count += 1
        session_id = f"session-{self._count}"
        self._places[session_id] = pixels
        return session_id

    def give_up(self, session_id: str) -> None:
        """A reserved place is not needed."""
        self._places.pop(session_id, None)

    def enter(self, session: Session) -> None:
        """The session with a reserved place is there."""
        self._sessions[session.id] = session

    def leave(self, session: Session) -> None:
        """A session has ended."""
        self._sessions.pop(session.id, None)
        self._places.pop(session.id, None)

    def _fits(self, pixels: int) -> bool:
        if self._capacity is None:
            return True
        return self._capacity.fits(len(self._places) + 1, sum(self._places.values()) + pixels)
