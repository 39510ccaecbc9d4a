"""Who is in the house: admission and the register of open sessions."""

from __future__ import annotations

from jamflow_rt.errors import Overloaded
from jamflow_rt.stream.session import Session


class SessionManager:
    """Admits sessions up to a number and knows those that are open.

    Args:
        max_sessions: sessions at the same time; more are refused, so that none of them suffers.
        retry_after: seconds after which it is worth to ask again.
    """

    def __init__(self, max_sessions: int, retry_after: float = 5.0) -> None:
        self.max_sessions = max_sessions
        self._retry_after = retry_after
        self._sessions: dict[str, Session] = {}
        # Admitted and still being opened.
        self._opening = 0
        self._count = 0

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The open sessions, oldest first."""
        return tuple(self._sessions.values())

    def admit(self) -> str:
        """Reserve a place. Follow with `enter` or `give_up`.

        Returns:
            An id for the session.

        Raises:
            Overloaded: all places are taken.
        """
        taken = len(self._sessions) + self._opening
        if taken >= self.max_sessions:
            raise Overloaded(
                f"All {self.max_sessions} sessions are in use; "
                f"try again in {self._retry_after:g} seconds.",
                self._retry_after,
            )
        self._opening += 1
        self._count += 1
        return f"session-{self._count}"

    def give_up(self) -> None:
        """A reserved place is not needed."""
        self._opening -= 1

    def enter(self, session: Session) -> None:
        """The session with a reserved place is there."""
        self._opening -= 1
        self._sessions[session.id] = session

    def leave(self, session: Session) -> None:
        """A session has ended."""
        self._sessions.pop(session.id, None)
