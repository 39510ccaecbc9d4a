"""The events of one viewer and the session they steer; how messages travel is not its business."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal

from jamflow_rt import protocol
from jamflow_rt.errors import InvalidInput, JamflowError, Overloaded
from jamflow_rt.serve.greeting import Greeting
from jamflow_rt.serve.responses import Responses
from jamflow_rt.serve.steering import FindPortrait, Steering
from jamflow_rt.serve.telling import Telling, visemes
from jamflow_rt.stream import events
from jamflow_rt.stream.media import Frame
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.studio import PortraitLike

logger = logging.getLogger(__name__)

MAX_INBOX: Final = 512
"""Messages read but not yet acted on."""

Reason = Literal["idle", "time", "server", "client", "failed"]
"""Why a session ended, as `session.closed` tells it."""
Allow = Callable[[protocol.ClientEvent], bool]
"""Asked about every event that is in order; False, or Overloaded with a reason, turns it away."""


class Conversation:
    """Reads a viewer's messages, steers its session, and tells it what the session does.

    `receive` and `receive_media` may be called as soon as messages come; `run` acts on them, in
    order. Whoever sends the session's frames calls `frame` with each.

    Args:
        session: what is steered.
        send: takes messages for the viewer; it may be called at any time.
        max_text: longest text of one response, in characters.
        scopes: what the viewer may do.
        greeting: what the viewer is told first.
        allow: turns events away that come too fast; without it they may come as fast as they like.
        find_portrait: portraits by names from the network; without it those of `greeting`.
        on_activity: called when the viewer asks for something. The sound of a microphone does not
            count; the user's voice in it is an event of the session.
    """

    def __init__(
        self,
        session: Session,
        send: Callable[[str], None],
        *,
        max_text: int,
        scopes: frozenset[str] = protocol.SCOPES,
        greeting: Greeting | None = None,
        allow: Allow | None = None,
        find_portrait: FindPortrait | None = None,
        on_activity: Callable[[], None] | None = None,
    ) -> None:
        self._session = session
        self._send_text = send
        self._max_text = max_text
        self._scopes = scopes
        self._greeting = greeting or Greeting()
        self._allow = allow
        self._on_activity = on_activity
        self._protocol = protocol.Protocol(max_text, scopes, self._admit)
        self._inbox: asyncio.Queue[protocol.ClientEvent] = asyncio.Queue(MAX_INBOX)
        self._telling = Telling()
        self._responses = Responses()
        self._steering = Steering(
            session,
            self._responses,
            self._send,
            self._greeting,
            find_portrait or self._find_portrait,
        )
        # True when the viewer was told that the session has ended.
        self._closed = False

    @property
    def playback_lag(self) -> float | None:
        """Seconds by which the viewer's playback was behind the server when it last told."""
        return self._steering.playback_lag

    # What comes in

    def receive(self, message: str | bytes) -> None:
        """Take an event from the viewer; what cannot be used is answered by an error event."""
        self._take(self._protocol.receive(message))

    def receive_media(self, message: bytes) -> None:
        """Take a binary media frame from the viewer, as `receive` takes events."""
        self._take(self._protocol.receive_media(message))

    async def run(self) -> None:
        """Greet, then act on messages until cancelled."""
        unsubscribe = self._session.on_event(self._tell)
        try:
            self._send(self.created())
            self._send(protocol.StateChanged(state=self._session.state))
            while True:
                event = await self._inbox.get()
                try:
                    await self._steering.act(event)
                except Exception:
                    logger.exception("session %s: %s failed", self._session.id, event.type)
                # A full inbox must not keep others on the loop waiting.
                await asyncio.sleep(0)
        finally:
            unsubscribe()
            await self._steering.aclose()

    # What goes out

    def created(
        self, *, resumed: bool = False, resume_token: str | None = None
    ) -> protocol.SessionCreated:
        """The first event of a connection; `run` sends that of the first connection.

        Args:
            resumed: the viewer comes back to this session over another connection.
            resume_token: for the next time; without it that of the greeting.
        """
        return protocol.SessionCreated(
            session_id=self._session.id,
            max_text=self._max_text,
            resume_token=resume_token or self._greeting.resume_token,
            resumed=resumed,
            voice=self._steering.settings.voice,
            portrait=self._steering.settings.portrait,
            voices=self._greeting.voices,
            portraits=self._greeting.portraits,
            media=self._greeting.media,
            scopes=tuple(sorted(self._scopes)),
            badge=self._greeting.badge,
        )

    def frame(self, frame: Frame) -> None:
        """Tell what belongs to a frame that is sent to the viewer now."""
        for viseme in visemes(frame):
            self._send(viseme)

    def tell_expiring(self, reason: Literal["idle", "time"], seconds: float) -> None:
        """The session will end in some seconds."""
        self._send(protocol.SessionExpiring(reason=reason, seconds=seconds))

    def tell_closed(self, reason: Reason) -> None:
        """The session has ended. Told once: the first reason is the true one."""
        if not self._closed:
            self._send(protocol.SessionClosed(reason=reason))
            self._closed = True

    def tell_limits(self, limit: int, remaining: int, reset_seconds: float) -> None:
        """How much the viewer may still ask for."""
        self._send(
            protocol.RateLimits(limit=limit, remaining=remaining, reset_seconds=reset_seconds)
        )

    def _take(self, received: protocol.Received) -> None:
        for event in received:
            if isinstance(event, protocol.ErrorEvent):
                self._send(event)
                continue
            if self._on_activity is not None and _asks(event):
                self._on_activity()
            # There is room: `_admit` saw to it.
            self._inbox.put_nowait(event)

    def _admit(self, event: protocol.ClientEvent) -> protocol.ErrorEvent | None:
        """Why an event that is in order is not taken all the same."""
        if self._closed:
            return _turned_away("session_expired", "The session has ended; open a new one.", event)
        if self._inbox.full():
            reason = "Messages come faster than they are used."
            return _turned_away("too_many_messages", reason, event)
        reason = "Too many events; wait a moment."
        try:
            if self._allow is None or self._allow(event):
                return None
        except Overloaded as error:
            reason = str(error)
        return _turned_away("rate_limited", reason, event)

    def _tell(self, event: events.Event) -> None:
        if isinstance(event, events.SpeechFinished | events.SpeechInterrupted):
            self._responses.end(event.speech_id)
            self._steering.ended(event.speech_id)
            error = getattr(event, "error", None)
            if error is not None and not isinstance(error, JamflowError):
                logger.error("session %s: a response failed", self._session.id, exc_info=error)
        for told in self._telling.told(event):
            self._send(told)
        if isinstance(event, events.SessionFailed):
            self.tell_closed("failed")

    def _send(self, event: protocol.ServerEvent) -> None:
        self._send_text(protocol.dump_event(event))

    def _find_portrait(self, name: str) -> PortraitLike:
        if name not in self._greeting.portraits:
            known = ", ".join(self._greeting.portraits) or "none to choose"
            raise InvalidInput(f"There is no portrait {name!r}. There is: {known}.")
        return name


def _asks(event: protocol.ClientEvent) -> bool:
    """Whether an event shows that somebody is there: some are sent without anybody's doing."""
    match event:
        case protocol.PlaybackPosition() | protocol.InputAudioAppend(purpose="hear"):
            return False
    return True


def _turned_away(
    code: protocol.ErrorCode, message: str, event: protocol.ClientEvent
) -> protocol.ErrorEvent:
    return protocol.ErrorEvent(code=code, message=message, event_id=event.event_id)
