"""Tokens by which a client that lost its socket finds back to its session."""

from __future__ import annotations

import secrets
from typing import Final, Generic, TypeVar

TOKEN_BYTES: Final = 32
"""As random as a key of 256 bits: nobody guesses one while a session lasts."""

T = TypeVar("T")


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Resuming(Generic[T]):
    """Who may come back, and to what. Each has one token at a time, and each token is good once.

    It knows no time: whoever owns what is waited for revokes it when the time is over.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, T] = {}
        # The token of each, by identity: what is waited for need not be hashable.
        self._tokens: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def issue(self, item: T, token: str | None = None) -> str:
        """A token for `item`, a new one if none is given; the one before is worth nothing now."""
        self.revoke(item)
        token = token or new_token()
        self._waiting[token] = item
        self._tokens[id(item)] = token
        return token

    def take(self, token: str) -> T | None:
        """What the token is for, and the end of the token; None when it is unknown or used."""
        item = self._waiting.pop(token, None)
        if item is not None:
            del self._tokens[id(item)]
        return item

    def revoke(self, item: T) -> None:
        """Nobody comes back to `item`; nothing happens when it has no token."""
        token = self._tokens.pop(id(item), None)
        if token is not None:
            del self._waiting[token]
