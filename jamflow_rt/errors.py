"""The errors a user can meet. Each child stands for a different fix."""

from __future__ import annotations


class JamflowError(Exception):
    """Base of every error this package raises on purpose."""


class InvalidInput(JamflowError, ValueError):
    """What was given cannot be used; the message names it and says what would do."""


class NotSupported(JamflowError):
    """Something is missing here: an extra, a device, a file; the message says how to get it."""


class NotAuthorized(JamflowError):
    """A key, a token or a permission is missing, wrong or too old; the message says which."""


class Overloaded(JamflowError):
    """The server or the machine is full. Try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Failed(JamflowError):
    """Something broke inside; this session or speech ended, the others go on."""
