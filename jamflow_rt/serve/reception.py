"""The reception: who gets a session, whatever carries it, and what holds for it until its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import InvalidInput, JamflowError, NotAuthorized, Overloaded
from jamflow_rt.protocol import ClientEvent
from jamflow_rt.serve.auth import Grant, is_loopback
from jamflow_rt.serve.conversation import Conversation
from jamflow_rt.serve.deadlines import Deadlines, Reason
from jamflow_rt.serve.greeting import Greeting
from jamflow_rt.serve.limits import Limits, Place, RateLimited
from jamflow_rt.serve.metrics import Metrics, Refusal, Transport
from jamflow_rt.serve.uploads import Uploads
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.settings import SessionSettings
from jamflow_rt.stream.studio import PortraitLike

if TYPE_CHECKING:
    from jamflow_rt.avatar import Avatar

_UNLIMITED = 1_000_000
"""Requests a minute of whoever is on this machine and needs no key."""


@dataclass(eq=False)
class _Stay:
    """What holds for one session."""

    grant: Grant
    place: Place
    counted: Callable[[], None]
    """To be called when it ends."""
    deadlines: Deadlines | None = None
    end: Callable[[Reason], None] = field(default=lambda reason: None)
    """Ends whoever shows the session."""


class Reception:
    """Admits sessions for all transports, and knows what each may do and for how long.

    Args:
        avatar: gives the sessions; the caller's to close.
        config: of the server.
        uploads: portraits that viewers sent.
        metrics: counts.
        portraits: names that anybody may ask for, the usual one first.
        on_leave: called after each session that has ended.
    """

    def __init__(
        self,
        avatar: Avatar,
        config: ServerConfig,
        uploads: Uploads,
        metrics: Metrics,
        portraits: Collection[str],
        on_leave: Callable[[], None] = lambda: None,
    ) -> None:
        self.limits = Limits(_limits_of(config))
        self._avatar = avatar
        self._config = config
        self._uploads = uploads
        self._metrics = metrics
        self._portraits = tuple(portraits)
        self._on_leave = on_leave
        self._voices = tuple(avatar.bundle.voices)
        self._stays: dict[str, _Stay] = {}
        # Sessions being opened: they count before they have an id.
        self._opening = 0

    def __len__(self) -> int:
        return len(self._stays) + self._opening

    @property
    def alive(self) -> bool:
        """Whether the avatar can give sessions."""
        return self._avatar.alive

    @property
    def obstacle(self) -> str | None:
        """Why one more session would be refused now; None when it would not."""
        if self._avatar.obstacle is not None:
            return self._avatar.obstacle
        if len(self) >= self._config.max_sessions:
            return f"All {self._config.max_sessions} places of this server are taken."
        return None

    async def open(
        self,
        portrait: str | None,
        voice: str | None,
        pictures: bool,
        grant: Grant,
        transport: Transport,
    ) -> Session:
        """Admit a session.

        Args:
            portrait: a name, or the id of an upload of the same subject.
            voice: a name.
            pictures: whether it draws.
            grant: who asks.
            transport: what carries it.

        Raises:
            InvalidInput: there is no such portrait or voice.
            NotAuthorized: this grant is not for watching.
            Overloaded: the server is full, or the subject has as many sessions as it may have.
        """
        with self.counted():
            return await self._open(portrait, voice, pictures, grant, transport)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what is refused within. `open` does so; this is for what comes before it."""
        try:
            yield
        except JamflowError as error:
            self._metrics.refused(_refusal(error))
            raise

    def converse(
        self, session: Session, grant: Grant, greeting: Greeting, send: Callable[[str], None]
    ) -> Conversation:
        """The conversation of an admitted session: with its limits, and its deadlines."""
        stay = self._stays.get(session.id)
        greeting = replace(
            greeting,
            voice=greeting.voice or self._voices[0],
            portrait=greeting.portrait or self._portraits[0],
            voices=self._voices,
            portraits=self._portraits,
            badge=self._config.badge,
        )

        def allow(event: ClientEvent) -> bool:
            left = self.limits.event(grant.subject, event.type)
            if left is not None and event.type == "response.create":
                conversation.tell_limits(left.limit, left.remaining, left.reset_seconds)
            return True

        conversation = Conversation(
            session,
            send,
            max_text=self._config.max_text,
            scopes=grant.scopes,
            greeting=greeting,
            allow=allow,
            find_portrait=lambda name: self._find_portrait(name, grant, session.id),
            on_activity=lambda: _touch(stay),
        )
        if stay is not None:
            stay.deadlines = Deadlines(
                self._config,
                conversation.tell_expiring,
                lambda reason: stay.end(reason),
            )
            session.on_event(stay.deadlines.saw)
        return conversation

    async def keep_time(self, session: Session, end: Callable[[Reason], None]) -> None:
        """Watch over a session's deadlines; returns when it has expired, after calling `end`."""
        stay = self._stays.get(session.id)
        if stay is None or stay.deadlines is None:
            await asyncio.get_running_loop().create_future()
        else:
            stay.end = end
            await stay.deadlines.run()

    def check_names(self, portrait: str | None, voice: str | None, grant: Grant) -> None:
        """Raise InvalidInput for a portrait or a voice that there is not."""
        if voice is not None and voice not in self._voices:
            raise InvalidInput(_unknown("voice", voice, self._voices))
        if portrait is not None:
            self._look_up(portrait, grant)

    def check_room(self) -> None:
        """Raise Overloaded when all places are taken."""
        limit = self._config.max_sessions
        if len(self) >= limit:
            taken = f"All {limit} places of this server are" if limit > 1 else "This server is"
            raise Overloaded(f"{taken} taken. Try again in a moment.", retry_after=10.0)

    async def _open(
        self,
        portrait: str | None,
        voice: str | None,
        pictures: bool,
        grant: Grant,
        transport: Transport,
    ) -> Session:
        grant.require("view")
        self.check_names(portrait, voice, grant)
        self.check_room()
        place = self.limits.enter(grant)
        self._opening += 1
        try:
            shown = None if portrait is None else self._look_up(portrait, grant)
            session = await self._avatar.session(
                shown,
                voice,
                pictures=pictures,
                settings=SessionSettings(max_text=self._config.max_text),
            )
        except BaseException:
            place.leave()
            raise
        finally:
            self._opening -= 1
        if portrait is not None:
            self._uploads.hold(portrait, session.id)
        self._metrics.watch(session)
        self._stays[session.id] = _Stay(grant, place, self._metrics.opened(transport))
        session.on_close(self._leave)
        return session

    def _leave(self, session: Session) -> None:
        stay = self._stays.pop(session.id, None)
        if stay is not None:
            stay.place.leave()
            stay.counted()
        self._uploads.release(session.id)
        self._on_leave()

    def _find_portrait(self, name: str, grant: Grant, session_id: str) -> PortraitLike:
        found = self._look_up(name, grant)
        self._uploads.hold(name, session_id)
        return found

    def _look_up(self, name: str, grant: Grant) -> PortraitLike:
        # Only names that ship, and ids of uploads: a name from the network never becomes a path.
        if name in self._portraits:
            return name
        uploaded = self._uploads.portrait(name, grant)
        if uploaded is None:
            raise InvalidInput(_unknown("portrait", name, self._portraits))
        return uploaded


def _limits_of(config: ServerConfig) -> ServerConfig:
    """On this machine, without a key, nobody needs to be held back but by the server's size."""
    if config.auth_key is not None:
        return config
    limits: dict[str, int] = {"sessions_per_subject": config.max_sessions}
    if is_loopback(config.host):
        limits["requests_per_minute"] = _UNLIMITED
    return config.model_copy(update=limits)


def _touch(stay: _Stay | None) -> None:
    if stay is not None and stay.deadlines is not None:
        stay.deadlines.touch()


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    there = ", ".join(sorted(known)) or "none"
    return f"There is no {what} {name[:80]!r}. There is: {there}."


def _refusal(error: JamflowError) -> Refusal:
    match error:
        case RateLimited():
            return "limit"
        case Overloaded():
            return "full"
        case NotAuthorized():
            return "authorization"
        case InvalidInput():
            return "input"
        case _:
            return "other"
