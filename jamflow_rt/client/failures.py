"""The server's refusals as our errors: the same ones that a local session raises."""

from __future__ import annotations

from typing import Final

from jamflow_rt.errors import (
    Failed,
    InvalidInput,
    JamflowError,
    NotAuthorized,
    NotSupported,
    Overloaded,
)
from jamflow_rt.protocol import ErrorCode, ErrorEvent

_KINDS: Final[dict[ErrorCode, type[JamflowError]]] = {
    "invalid_json": InvalidInput,
    "unknown_type": InvalidInput,
    "invalid_event": InvalidInput,
    "message_too_long": InvalidInput,
    "text_too_long": InvalidInput,
    "wrong_order": InvalidInput,
    "invalid_input": InvalidInput,
    "too_many_messages": Overloaded,
    "rate_limited": Overloaded,
    "overloaded": Overloaded,
    "not_authorized": NotAuthorized,
    "not_supported": NotSupported,
    "session_expired": Failed,
    "failed": Failed,
}

FINAL_CODES: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1013, 4001, 4002})
"""Close codes after which nobody waits for us; any other close is a loss."""

_CLOSED: Final[dict[int, tuple[type[JamflowError], str]]] = {
    1001: (Failed, "The server is shutting down."),
    1008: (NotAuthorized, "The server does not let us in; it wants another token."),
    1009: (InvalidInput, "A message was too long for the server; send less at once."),
    1013: (Overloaded, "The server is full. Try again in a moment."),
    4001: (Failed, "The session's time is over; open a new one."),
    4002: (Failed, "The session has ended, or another connection has taken it over."),
}

_REFUSED: Final[dict[int, tuple[type[JamflowError], str]]] = {
    401: (NotAuthorized, "The server wants a token, or another one."),
    403: (NotAuthorized, "The server does not let us in; check the address and the token."),
    429: (Overloaded, "We asked for too much; try again in a moment."),
    503: (Overloaded, "The server is full. Try again in a moment."),
}


def failure(event: ErrorEvent) -> JamflowError:
    """An `error` event as an error to raise."""
    return _KINDS[event.code](event.message)


def closed(code: int | None, reason: str = "") -> JamflowError:
    """What a close of the socket means, by its code."""
    kind, told = _CLOSED.get(code or 0, (Failed, f"The server closed the connection ({code})."))
    return kind(reason or told)


def refused(status: int) -> JamflowError:
    """What an HTTP status means that came instead of a socket."""
    told = f"There is no session to be had there (HTTP {status}); check the address."
    kind, message = _REFUSED.get(status, (Failed, told))
    return kind(message)
