"""Errors as events: a code, a sentence, and which field of which event is at fault."""

from __future__ import annotations

import logging

from jamflow_rt.errors import (
    InvalidInput,
    JamflowError,
    NotAuthorized,
    NotSupported,
    Overloaded,
)
from jamflow_rt.protocol import ClientEvent, ErrorCode, ErrorEvent
from jamflow_rt.serve.limits import RateLimited

logger = logging.getLogger(__name__)


class WrongField(InvalidInput):
    """A field of an event cannot be used.

    Args:
        param: which.
        message: why, and what would do.
        code: of the event that tells it.
    """

    def __init__(self, param: str, message: str, code: ErrorCode = "invalid_input") -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def error_event(
    error: Exception | None, event: ClientEvent | None = None, param: str | None = None
) -> ErrorEvent:
    """What a client is told of an error.

    Args:
        error: what went wrong. Of what is no error of ours nothing is told: it stays in the log.
        event: what the client sent, if that led to it.
        param: the field of `event` that an InvalidInput is about.
    """
    code: ErrorCode = "failed"
    match error:
        case WrongField():
            code, param = error.code, error.param
        case InvalidInput():
            code = "invalid_input"
        case RateLimited():
            code, param = "rate_limited", None
        case Overloaded():
            code, param = "overloaded", None
        case NotSupported():
            code, param = "not_supported", None
        case NotAuthorized():
            code, param = "not_authorized", None
        case _:
            param = None
    message = str(error) if isinstance(error, JamflowError) else "Something broke in the server."
    return ErrorEvent(
        code=code,
        message=message,
        param=param,
        event_id=None if event is None else event.event_id,
    )
