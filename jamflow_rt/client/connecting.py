"""`connect`: the way to a remote session."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import Any, Literal, get_args

from jamflow_rt.client.session import RemoteSession
from jamflow_rt.errors import InvalidInput

MediaMode = Literal["motion", "audio", "video"]


def connect(
    url: str,
    token: str | None = None,
    *,
    media: MediaMode = "motion",
    portrait: str | None = None,
    voice: str | None = None,
) -> RemoteOpener:
    """Open a session at a server: `await` this, or use it with `async with`.

    Args:
        url: the server's, such as `http://127.0.0.1:8080`.
        token: what `POST /v1/sessions` gave, if the server wants one.
        media: what frames bring: sound only (`audio`), with faces (`motion`) or with pictures.
        portrait: one of the server's.
        voice: one of the server's.

    Raises:
        InvalidInput: what was asked for does not exist.
        NotAuthorized: the server wants a token, or another one.
        Overloaded: all places are taken; says when to try again.
        Failed: the server cannot be reached.
    """
    if media not in get_args(MediaMode):
        raise InvalidInput(f"media is 'motion', 'audio' or 'video', not {media!r}.")
    query = {"media": media, "portrait": portrait, "voice": voice}
    given = {name: value for name, value in query.items() if value is not None}
    return RemoteOpener(url, given, token)


class RemoteOpener:
    """What `connect` returns: `await` it for a session, or enter it with `async with`."""

    def __init__(self, url: str, query: dict[str, str], token: str | None) -> None:
        self._url, self._query, self._token = url, query, token
        self._session: RemoteSession | None = None

    def __await__(self) -> Generator[Any, None, RemoteSession]:
        return self._open().__await__()

    async def __aenter__(self) -> RemoteSession:
        self._session = await self._open()
        return self._session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.aclose()

    async def _open(self) -> RemoteSession:
        session = RemoteSession(self._url, self._query, self._token)
        await session.open()
        return session
