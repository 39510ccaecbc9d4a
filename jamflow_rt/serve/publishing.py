"""A session in an SFU that says what is read line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from jamflow_rt.config import IceServer
from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.race import race
from jamflow_rt.serve.whip import publish
from jamflow_rt.stream.session import Session

if TYPE_CHECKING:
    from jamflow_rt.avatar import Avatar


async def publish_lines(
    avatar: Avatar,
    url: str,
    lines: TextIO,
    token: str | None = None,
    ice_servers: Iterable[IceServer] = (),
    portrait: str | None = None,
    voice: str | None = None,
) -> None:
    """Publish a session until the lines have ended and the last was said.

    Args:
        avatar: gives the session.
        url: the SFU's WHIP endpoint.
        lines: what is said; read in a thread, as it comes.
        token: what the SFU asks for.
        ice_servers: to reach the SFU by, with credentials.
        portrait: as for `Avatar.session`.
        voice: as for `Avatar.session`.

    Raises:
        InvalidInput: there is no such portrait or voice; a line cannot be said.
        JamflowError: what `jamflow_rt.serve.whip.publish` raises.
    """
    async with avatar.session(portrait, voice) as session:
        await race(publish(session, url, token, ice_servers), _say_lines(session, lines))


async def _say_lines(session: Session, lines: TextIO) -> None:
    speeches = []
    while line := await asyncio.to_thread(lines.readline):
        if not line.strip():
            continue
        try:
            speeches.append(session.say(line))
        except InvalidInput as error:
            raise InvalidInput(f"{line.strip()[:80]!r}: {error}") from error
    for speech in speeches:
        await speech
