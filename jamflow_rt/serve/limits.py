"""How much one subject may ask for: sessions at once, requests and events a minute."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MovingWindowSupport, Storage
from limits.strategies import MovingWindowRateLimiter

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import Overloaded
from jamflow_rt.serve.auth import Grant

STREAMED: Final = frozenset(
    {
        "input_text.append",
        "input_audio_buffer.append",
        "input_motion.append",
        "playback.position",
    }
)
"""Events that come many times a second in good use; they have a limit of their own."""
STREAMED_PER_MINUTE: Final = 12_000
"""200 a second: two microphones in packets of 20 ms and a fast language model, twice over."""
FAILURES_PER_MINUTE: Final = 20
"""Wrong keys from one address."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit; what the event `rate_limits.updated` tells."""

    limit: int
    remaining: int
    reset_seconds: float
    """Until one more is allowed than now."""


class RateLimited(Overloaded):
    """This subject asked for too much; the server has room for others."""

    def __init__(self, message: str, retry_after: float, allowance: Allowance | None = None):
        super().__init__(message, retry_after)
        self.allowance = allowance


class Place:
    """One of a subject's sessions. Give it back with `leave`, once or more often."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave: Callable[[], None] | None = leave

    def leave(self) -> None:
        """The session has ended."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def __enter__(self) -> Place:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.leave()


class Limits:
    """Counts what subjects ask for. All its methods belong to one event loop.

    Args:
        config: `sessions_per_subject` and `requests_per_minute`.
        now: monotonic time in seconds; tests pass their own.
    """

    def __init__(self, config: ServerConfig, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._limiter = MovingWindowRateLimiter(_Recent(now))
        self._asked = RateLimitItemPerMinute(config.requests_per_minute, namespace="asked")
        self._streamed = RateLimitItemPerMinute(STREAMED_PER_MINUTE, namespace="streamed")
        self._failures = RateLimitItemPerMinute(FAILURES_PER_MINUTE, namespace="failures")
        self._max_sessions = config.sessions_per_subject
        self._sessions: Counter[str] = Counter()

    def request(self, subject: str) -> Allowance:
        """Count a request. Returns what is left.

        Raises:
            RateLimited: it is one too many; it does not count.
        """
        return self._count(self._asked, subject, "requests and events")

    def event(self, subject: str, kind: str) -> Allowance | None:
        """Count an event of a session's client.

        Args:
            subject: whose session it is.
            kind: the event's `type`.

        Returns:
            What is left of requests and events; None for a streamed one.

        Raises:
            RateLimited: it is one too many; it does not count.
        """
        if kind not in STREAMED:
            return self.request(subject)
        self._count(self._streamed, subject, "pieces of text, sound and motion")
        return None

    def allowance(self, subject: str) -> Allowance:
        """What is left of requests and events."""
        return self._left(self._asked, subject)

    def check_failures(self, subject: str) -> None:
        """Raise RateLimited when `subject` has shown too many wrong keys."""
        if not self._limiter.test(self._failures, subject):
            left = self._left(self._failures, subject)
            raise RateLimited(
                "Too many wrong keys came from this address: wait a minute.",
                left.reset_seconds,
                left,
            )

    def failed(self, subject: str) -> None:
        """Take note of a wrong key."""
        self._limiter.hit(self._failures, subject)

    def enter(self, grant: Grant) -> Place:
        """Take a place for one more session.

        Raises:
            RateLimited: all places of the grant's subject are taken.
        """
        limit = self._max_sessions if grant.max_sessions is None else grant.max_sessions
        subject = grant.subject
        if self._sessions[subject] >= limit:
            many = f"{limit} sessions are" if limit > 1 else "A session is"
            raise RateLimited(f"{many} open already: close one before opening another.", 5.0)
        self._sessions[subject] += 1
        return Place(lambda: self._free(subject))

    def _free(self, subject: str) -> None:
        self._sessions[subject] -= 1
        if self._sessions[subject] <= 0:
            del self._sessions[subject]

    def _count(self, item: RateLimitItem, subject: str, what: str) -> Allowance:
        counted = self._limiter.hit(item, subject)
        left = self._left(item, subject)
        if not counted:
            raise RateLimited(
                f"At most {item.amount} {what} a minute are taken: wait {left.reset_seconds:.0f} "
                "seconds.",
                left.reset_seconds,
                left,
            )
        return left

    def _left(self, item: RateLimitItem, subject: str) -> Allowance:
        stats = self._limiter.get_window_stats(item, subject)
        return Allowance(item.amount, stats.remaining, max(0.0, stats.reset_time - self._now()))


class _Recent(Storage, MovingWindowSupport):
    """When each key was hit lately.

    The library's own storage starts a thread for every hit, and reads the wall clock, which jumps.
    """

    STORAGE_SCHEME = None

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        # Times of the hits, oldest first; the key hit last stands last.
        self._hits: dict[str, deque[float]] = {}

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Hit `key` `amount` times, unless `limit` hits within `expiry` seconds forbid it."""
        now = self._now()
        self._forget(now - expiry)
        hits = self._recent(key, expiry)
        if len(hits) + amount > limit:
            return False
        hits.extend([now] * amount)
        self._hits.pop(key, None)
        self._hits[key] = hits
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest hit within `expiry` seconds was, and how many there are."""
        hits = self._recent(key, expiry)
        # Without a hit everything is allowed now.
        return (hits[0] if hits else self._now() - expiry), len(hits)

    def _recent(self, key: str, expiry: int) -> deque[float]:
        hits = self._hits.get(key, deque())
        while hits and hits[0] <= self._now() - expiry:
            hits.popleft()
        return hits

    def _forget(self, before: float) -> None:
        # All windows are a minute long: nothing that is dropped here would still count.
        while self._hits:
            key, hits = next(iter(self._hits.items()))
            if hits and hits[-1] > before:
                break
            del self._hits[key]

    def clear(self, key: str) -> None:
        """Forget the hits of a key."""
        self._hits.pop(key, None)

    def reset(self) -> int | None:
        """Forget everything; how many keys that were."""
        count = len(self._hits)
        self._hits.clear()
        return count

    def check(self) -> bool:
        """Memory is always there."""
        return True

    @property
    def base_exceptions(self) -> type[Exception]:
        """What goes wrong in here: nothing known."""
        return ValueError

    # Of other strategies than the moving window.

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Not used."""
        raise NotImplementedError

    def get(self, key: str) -> int:
        """Not used."""
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        """Not used."""
        raise NotImplementedError
