"""`connect`: the way to a remote session."""

from __future__ import annotations

from typing import Literal, get_args

from jamflow_rt.client.session import RemoteSession
from jamflow_rt.errors import InvalidInput
from jamflow_rt.opener import Opener

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


class RemoteOpener(Opener[RemoteSession]):
    """What `connect` returns: `await` it for a session, or enter it with `async with`."""

    def __init__(self, url: str, query: dict[str, str], token: str | None) -> None:
        async def open_session() -> RemoteSession:
            session = RemoteSession(url, query, token)
            await session.open()
            return session

        super().__init__(open_session)
