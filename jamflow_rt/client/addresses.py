"""Where a server's socket and its motion space are."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from jamflow_rt.errors import InvalidInput

SOCKET_PATH: Final = "/v1/realtime"
SPACE_PATH: Final = "/v1/motion-space"
_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def socket_url(url: str, query: dict[str, str]) -> str:
    """The address of the socket: `url` is the server's, with or without the socket's path.

    Raises:
        InvalidInput: it is no http, https, ws or wss address.
    """
    return _join(url, SOCKET_PATH, _SCHEMES, query)


def space_url(url: str) -> str:
    """The address of the motion space of the same server."""
    secure = {scheme: "https" if socket == "wss" else "http" for scheme, socket in _SCHEMES.items()}
    return _join(url, SPACE_PATH, secure, {})


def _join(url: str, path: str, schemes: dict[str, str], query: dict[str, str]) -> str:
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.netloc:
        raise InvalidInput(
            f"{url[:200]!r} is not the address of a server; it looks like http://127.0.0.1:8080."
        )
    base = parts.path.rstrip("/").removesuffix(SOCKET_PATH)
    return urlunsplit((schemes[parts.scheme], parts.netloc, base + path, urlencode(query), ""))
