"""Who may do what: the server's key, the short-lived tokens it buys, and what a token grants.

The key stays between the operator's own programs and this server. A program that has it gets
tokens at `POST /v1/sessions` (`jamflow_rt.serve.exchange`) and hands those to browsers. Tokens are
JSON Web Tokens (RFC 7519), signed by HMAC-SHA256 with a key that is derived from the server's.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import jwt
from starlette.requests import HTTPConnection

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import InvalidInput, NotAuthorized

Scope = Literal["say", "audio", "motion", "view", "upload"]
SCOPES: Final[frozenset[str]] = frozenset(get_args(Scope))
"""say: text; audio: sound in; motion: motion in; view: watch and steer; upload: portraits."""

BEARER_PROTOCOL: Final = "bearer."
"""Prefix of the WebSocket sub-protocol that carries a token: browsers cannot set headers there."""
MAX_TOKEN: Final = 4096
"""Characters of a token; ours have about 300. More is not even looked at."""
MAX_SUBJECT: Final = 128
SHORTEST_KEY: Final = 16
"""Characters of a key. Whoever sees one token can try keys on it at leisure, so a key must be out
of reach of guessing."""

_ALGORITHM: Final = "HS256"
_PURPOSE: Final = b"jamflow_rt: signing of session tokens, version 1"
_END_OF_TIME: Final = 2.0**53
"""Unix seconds up to which a float tells them apart."""
_CLAIMS: Final = ("sub", "exp", "iat", "jti", "scope")


class Forbidden(NotAuthorized):
    """Who asks is known and may not do this."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody may do. Tokens end here: the rest of the server knows grants only."""

    subject: str
    """Who: limits count by it, and what was uploaded belongs to it."""
    scopes: frozenset[str]
    expires: float | None
    """Unix seconds until which sessions may be opened; an open one goes on. None: for ever."""
    token_id: str
    """Empty where the server is open."""
    max_sessions: int | None = None
    """Sessions at once; None leaves it to the server's setting."""

    def require(self, scope: Scope) -> None:
        """Raise Forbidden when the scope was not granted."""
        if scope not in self.scopes:
            raise Forbidden(
                f"This token lacks the scope {scope!r}: ask for it when you exchange the key."
            )


class Gate:
    """Checks keys and tokens, and makes tokens.

    Args:
        config: with an `auth_key`, only tokens grant anything; without one the server is open and
            everybody is granted everything.
        now: Unix time in seconds at which tokens are made.

    Raises:
        InvalidInput: the key is shorter than SHORTEST_KEY.
    """

    def __init__(self, config: ServerConfig, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._token_seconds = config.token_seconds
        self._max_sessions = config.sessions_per_subject
        # Only what was derived of the key is kept.
        self._signing: bytes | None = None
        self._key_digest = b""
        if config.auth_key is not None:
            key = config.auth_key.get_secret_value()
            if len(key) < SHORTEST_KEY:
                raise InvalidInput(
                    f"The auth key has {len(key)} characters and needs {SHORTEST_KEY} or more, "
                    "since it must not be guessed. Make one: "
                    'python -c "import secrets; print(secrets.token_urlsafe(32))"'
                )
            self._signing = hmac.digest(key.encode(), _PURPOSE, "sha256")
            self._key_digest = _digest(key)

    @property
    def open(self) -> bool:
        """True when there is no key: everybody may do everything."""
        return self._signing is None

    def check_key(self, headers: Mapping[str, str]) -> None:
        """Ask for the key itself, as `Authorization: Bearer`. An open server asks for nothing.

        Raises:
            NotAuthorized: it is missing or wrong.
        """
        if self.open:
            return
        given = _bearer(headers)
        if given is None:
            raise NotAuthorized("The server's key is missing: send Authorization: Bearer <key>.")
        if not hmac.compare_digest(_digest(given), self._key_digest):
            raise NotAuthorized("This is not the server's key.")

    def token(
        self,
        subject: str,
        scopes: Collection[str] = SCOPES,
        *,
        seconds: float | None = None,
        max_sessions: int | None = None,
    ) -> tuple[str, float]:
        """Make a token.

        Args:
            subject: for whom.
            scopes: some of SCOPES.
            seconds: how long it opens sessions, up to `token_seconds`, which is the default.
            max_sessions: sessions at once; `sessions_per_subject` if not given.

        Returns:
            The token, and the Unix time in seconds at which it expires.

        Raises:
            InvalidInput: the subject, a scope or the time will not do.
            NotAuthorized: the server is open and has nothing to sign with.
        """
        if self._signing is None:
            raise NotAuthorized("This server is open: it needs no tokens and makes none.")
        if not 0 < len(subject) <= MAX_SUBJECT:
            raise InvalidInput(f"A subject has 1 to {MAX_SUBJECT} characters, not {len(subject)}.")
        if unknown := set(scopes) - SCOPES:
            raise InvalidInput(
                f"There is no scope {min(unknown)[:80]!r}. There is: {', '.join(sorted(SCOPES))}."
            )
        lasts = self._token_seconds if seconds is None else seconds
        if not 0 < lasts <= self._token_seconds:
            raise InvalidInput(
                f"A token of this server lasts up to {self._token_seconds:g} seconds, "
                f"not {lasts:g}: ask for less, and for a new one when it has expired."
            )
        issued = self._now()
        expires = issued + lasts
        claims = {
            "sub": subject,
            "iat": issued,
            "exp": expires,
            "jti": secrets.token_urlsafe(12),
            "scope": sorted(scopes),
            "max_sessions": self._max_sessions if max_sessions is None else max_sessions,
        }
        return jwt.encode(claims, self._signing, _ALGORITHM), expires

    def grant(
        self,
        headers: Mapping[str, str],
        subprotocols: Sequence[str] = (),
        query: Mapping[str, str] | None = None,
        *,
        peer: str = "",
    ) -> Grant:
        """What whoever sends this may do.

        Args:
            headers: of the request; lower-case names. The token is looked for in `authorization`.
            subprotocols: of a WebSocket; the token is looked for in one like `bearer.<token>`.
            query: of the address. A token there is refused: addresses end up in logs.
            peer: the address that asks, the subject where the server is open.

        Raises:
            NotAuthorized: the token is missing, wrong or too old.
        """
        if self._signing is None:
            return Grant(subject_of(peer), SCOPES, None, "")
        if query and not {"token", "access_token"}.isdisjoint(query):
            raise NotAuthorized(
                "A token in the address ends up in logs. Send it as Authorization: Bearer, or as "
                f"the WebSocket sub-protocol {BEARER_PROTOCOL}<token>."
            )
        token = _bearer(headers) or _bearer_protocol(subprotocols)
        if token is None:
            raise NotAuthorized(
                "A token is missing: get one at POST /v1/sessions and send it as "
                f"Authorization: Bearer, or as the WebSocket sub-protocol {BEARER_PROTOCOL}<token>."
            )
        return _grant_of(_claims(token, self._signing))

    def admit(self, connection: HTTPConnection, scope: Scope | None = None) -> Grant:
        """`grant` for a request or a WebSocket, and `Grant.require` for a scope."""
        grant = self.grant(
            connection.headers,
            connection.scope.get("subprotocols", ()),
            connection.query_params,
            peer=connection.client.host if connection.client else "",
        )
        if scope is not None:
            grant.require(scope)
        return grant


def check_exposure(config: ServerConfig) -> None:
    """Refuse to serve strangers by accident.

    Raises:
        InvalidInput: others can reach `config.host`, and there is neither a key nor `insecure`.
    """
    if config.auth_key is not None or config.insecure or is_loopback(config.host):
        return
    raise InvalidInput(
        f"Others can reach {config.host or 'every address'}, and the server would be open to them. "
        "Set an auth key (--auth-key, or JAMFLOW_AUTH_KEY), listen on 127.0.0.1, or say "
        "--insecure if that is what you want."
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`. A name that is not known to do so does not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def subject_of(peer: str) -> str:
    """The subject that stands for an address: IPv4 as it is, of IPv6 the network of 64 bits.

    Whoever has one IPv6 address has 2**64 of them.
    """
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer[:MAX_SUBJECT] or "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False).network_address)


def _digest(key: str) -> bytes:
    # Of one length whatever the key's: comparing tells nothing of it. Headers may hold any text.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _bearer(headers: Mapping[str, str]) -> str | None:
    kind, _, value = headers.get("authorization", "").strip().partition(" ")
    return value.strip() or None if kind.lower() == "bearer" else None


def _bearer_protocol(subprotocols: Sequence[str]) -> str | None:
    for name in subprotocols:
        if name.startswith(BEARER_PROTOCOL) and name != BEARER_PROTOCOL:
            return name.removeprefix(BEARER_PROTOCOL)
    return None


def _claims(token: str, key: bytes) -> dict[str, Any]:
    if len(token) > MAX_TOKEN:
        raise NotAuthorized("The token is not one of this server's: it is too long.")
    try:
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=[_ALGORITHM], options={"require": list(_CLAIMS)}
        )
    except jwt.ExpiredSignatureError as error:
        raise NotAuthorized("The token has expired: get a new one at POST /v1/sessions.") from error
    # Beside its own errors PyJWT lets through what deep JSON, odd numbers and odd text raise.
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise NotAuthorized("The token is not one of this server's.") from error
    return claims


def _grant_of(claims: Mapping[str, Any]) -> Grant:
    subject, token_id, scopes = claims["sub"], claims["jti"], claims["scope"]
    limit = claims.get("max_sessions")
    good = (
        isinstance(subject, str)
        and 0 < len(subject) <= MAX_SUBJECT
        and isinstance(token_id, str)
        and isinstance(scopes, list)
        and all(isinstance(scope, str) for scope in scopes)
        and SCOPES.issuperset(scopes)
        and isinstance(claims["exp"], int | float)
        and claims["exp"] < _END_OF_TIME
        and (limit is None or (type(limit) is int and limit > 0))
    )
    if not good:
        raise NotAuthorized("The token is not one of this server's: its claims will not do.")
    return Grant(subject, frozenset(scopes), float(claims["exp"]), token_id, limit)
