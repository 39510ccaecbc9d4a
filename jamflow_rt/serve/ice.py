"""ICE servers: configured once, given to both sides, with TURN credentials that soon expire.

A TURN server that shares a secret with us (coturn's `use-auth-secret` and `static-auth-secret`)
takes any user name that begins with a time in the future, and as its password the HMAC-SHA1 of
that name under the secret (draft-uberti-behave-turn-rest). So nobody has to be registered, and
what a browser learns is of no use an hour later.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable
from typing import Final

from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy
from aiortc.rtcicetransport import parse_stun_turn_uri
from pydantic import SecretStr

from jamflow_rt.config import IceServer, ServerConfig
from jamflow_rt.errors import InvalidInput

OWN_SUBJECT: Final = "server"
"""Under this name the server itself uses its TURN server."""
ANYONE: Final = "viewer"
"""The subject of those who came without a token."""
MAX_SUBJECT: Final = 64
"""Characters of a subject in a TURN user name; STUN allows 513 bytes for the whole."""


def turn_credentials(secret: str, subject: str, expires: int) -> tuple[str, str]:
    """The user name and the credential that a TURN server with this secret accepts.

    Args:
        secret: coturn's `static-auth-secret`.
        subject: who uses them; shows in the TURN server's log.
        expires: until when they are accepted, in seconds of Unix time.
    """
    # Quotes, colons and control characters mean something to headers and to coturn.
    plain = re.sub(r"[^\w.@-]", "_", subject, flags=re.ASCII)[:MAX_SUBJECT]
    username = f"{expires}:{plain}"
    # SHA-1 is what coturn computes; as an HMAC it is not known to be broken.
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


class IceServers:
    """The ICE servers of a configuration, with fresh credentials for each who asks.

    Args:
        config: its `ice_servers`, `turn_secret` and `turn_seconds` count.
        clock: Unix time in seconds.

    Raises InvalidInput when an address cannot be read or a TURN server has no credentials.
    """

    def __init__(self, config: ServerConfig, clock: Callable[[], float] = time.time) -> None:
        self._servers = config.ice_servers
        self._secret = config.turn_secret
        self._seconds = config.turn_seconds
        # Ours never leave the house, and must outlast the longest session.
        self._own_seconds = config.turn_seconds + round(config.max_session_seconds)
        self._clock = clock
        for server in self._servers:
            for url in server.urls:
                self._check(url, server)

    def for_client(self, subject: str = ANYONE) -> tuple[IceServer, ...]:
        """For a client, good for `turn_seconds`."""
        return self._filled(subject, self._seconds)

    def for_server(self) -> tuple[IceServer, ...]:
        """For the server's own end of a connection, good for a whole session."""
        return self._filled(OWN_SUBJECT, self._own_seconds)

    def _filled(self, subject: str, seconds: int) -> tuple[IceServer, ...]:
        expires = int(self._clock()) + seconds
        return tuple(self._with_credentials(server, subject, expires) for server in self._servers)

    def _with_credentials(self, server: IceServer, subject: str, expires: int) -> IceServer:
        if self._secret is None or server.credential is not None or not _relays(server):
            return server
        username, credential = turn_credentials(self._secret.get_secret_value(), subject, expires)
        return IceServer(urls=server.urls, username=username, credential=SecretStr(credential))

    def _check(self, url: str, server: IceServer) -> None:
        try:
            parse_stun_turn_uri(url)
        except ValueError as error:
            raise InvalidInput(
                f"{url[:80]!r} is no address of an ICE server; write stun:host:port or "
                "turn:host:port?transport=udp."
            ) from error
        if _is_turn(url) and server.credential is None and self._secret is None:
            raise InvalidInput(
                f"The TURN server {url[:80]!r} needs a turn_secret, or a username and a credential."
            )


def rtc_configuration(
    servers: Iterable[IceServer] = (), *, relay_only: bool = False
) -> RTCConfiguration:
    """The servers as aiortc takes them. It uses the first STUN and the first TURN address only.

    Without servers, host candidates do on this machine and in this network, at once.
    """
    return RTCConfiguration(
        iceServers=[
            RTCIceServer(
                urls=list(server.urls), username=server.username, credential=_credential(server)
            )
            for server in servers
        ],
        iceTransportPolicy=(
            RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
        ),
    )


def ice_links(servers: Iterable[IceServer]) -> list[str]:
    """Values of `Link` headers, one for each address (RFC 9725, section 4.6)."""
    links = []
    for server in servers:
        for url in server.urls:
            link = f'<{url}>; rel="ice-server"'
            credential = _credential(server)
            if _is_turn(url) and credential is not None:
                link += (
                    f"; username={_quoted(server.username or '')}"
                    f'; credential={_quoted(credential)}; credential-type="password"'
                )
            links.append(link)
    return links


def ice_json(servers: Iterable[IceServer]) -> list[dict[str, str | list[str]]]:
    """As browsers take it for `RTCPeerConnection`'s `iceServers`."""
    entries: list[dict[str, str | list[str]]] = []
    for server in servers:
        entry: dict[str, str | list[str]] = {"urls": list(server.urls)}
        if server.username is not None:
            entry["username"] = server.username
        if (credential := _credential(server)) is not None:
            entry["credential"] = credential
        entries.append(entry)
    return entries


def _credential(server: IceServer) -> str | None:
    return None if server.credential is None else server.credential.get_secret_value()


def _is_turn(url: str) -> bool:
    return url.startswith("turn")


def _relays(server: IceServer) -> bool:
    return any(_is_turn(url) for url in server.urls)


def _quoted(value: str) -> str:
    """A quoted-string of HTTP."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
