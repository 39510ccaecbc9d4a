"""The events of one viewer and the session they steer; how messages travel is not its business."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

from jamflow_rt import protocol
from jamflow_rt.errors import Failed, InvalidInput, JamflowError, Overloaded
from jamflow_rt.stream import events
from jamflow_rt.stream.session import Session

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 32
"""Responses that may wait to be said. More is a runaway client."""
MAX_INBOX: Final = 512
"""Messages read but not yet acted on."""


class TextFeed(AsyncIterator[str]):
    """A text that is still being written, as `Session.say` takes it."""

    def __init__(self) -> None:
        # Unbounded here: the protocol bounds the text. None marks the end.
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def append(self, delta: str) -> None:
        """Add a piece."""
        if delta:
            self._pieces.put_nowait(delta)

    def close(self) -> None:
        """Nothing more comes."""
        self._pieces.put_nowait(None)

    async def __anext__(self) -> str:
        piece = await self._pieces.get()
        if piece is None:
            # For whoever asks again after the end.
            self._pieces.put_nowait(None)
            raise StopAsyncIteration
        return piece


class Conversation:
    """Reads a viewer's messages, steers its session, and tells it what the session does.

    `receive` may be called as soon as messages come; `run` acts on them, in order.
    """

    def __init__(self, session: Session, send: Callable[[str], None], *, max_text: int) -> None:
        self._session = session
        self._send_text = send
        self._max_text = max_text
        self._protocol = protocol.Protocol(max_text)
        self._inbox: asyncio.Queue[protocol.ClientEvent] = asyncio.Queue(MAX_INBOX)
        # The open input text and the response that says it.
        self._feed: TextFeed | None = None
        self._feed_id: str | None = None
        # Accepted and not yet done.
        self._responses: set[str] = set()

    def receive(self, message: str | bytes) -> None:
        """Take a message from the viewer; what cannot be used is answered by an error event."""
        for event in self._protocol.receive(message):
            if isinstance(event, protocol.ErrorEvent):
                self._send(event)
                continue
            try:
                self._inbox.put_nowait(event)
            except asyncio.QueueFull:
                self._error("too_many_messages", "Messages come faster than they are used.", event)

    async def run(self) -> None:
        """Greet, then act on messages until cancelled."""
        unsubscribe = self._session.on_event(self._tell)
        try:
            self._send(
                protocol.SessionCreated(session_id=self._session.id, max_text=self._max_text)
            )
            self._send(protocol.StateChanged(state=self._session.state))
            while True:
                await self._act(await self._inbox.get())
        finally:
            unsubscribe()
            self._close_feed()

    async def _act(self, event: protocol.ClientEvent) -> None:
        try:
            match event:
                case protocol.ResponseCreate():
                    self._say(event.input, event)
                case protocol.InputTextAppend():
                    self._append(event)
                case protocol.InputTextDone():
                    self._close_feed()
                case protocol.ResponseCancel():
                    self._close_feed()
                    await self._session.interrupt()
        except InvalidInput as error:
            param = "delta" if isinstance(event, protocol.InputTextAppend) else "input"
            self._error("invalid_input", str(error), event, param)
        except Overloaded as error:
            self._error("overloaded", str(error), event)
        except JamflowError as error:
            self._error("failed", str(error), event)

    def _say(self, text: str | TextFeed, event: protocol.ClientEvent) -> str:
        if len(self._responses) >= MAX_WAITING:
            raise Overloaded(f"{MAX_WAITING} responses wait already; let some be said first.")
        speech = self._session.say(text)
        self._responses.add(speech.id)
        self._send(protocol.ResponseCreated(response_id=speech.id, event_id=event.event_id))
        return speech.id

    def _append(self, event: protocol.InputTextAppend) -> None:
        if self._feed is None:
            feed = TextFeed()
            self._feed_id = self._say(feed, event)
            self._feed = feed
        self._feed.append(event.delta)

    def _close_feed(self) -> None:
        if self._feed is not None:
            self._feed.close()
        self._feed = self._feed_id = None

    def _tell(self, event: events.Event) -> None:
        match event:
            case events.WordSpoken():
                self._send(
                    protocol.TranscriptDelta(
                        response_id=event.speech_id,
                        delta=event.text,
                        start_ms=round(1000 * event.start),
                        end_ms=round(1000 * event.end),
                    )
                )
            case events.SpeechFinished():
                self._done(event.speech_id, "completed", event.playback.spoken_text)
            case events.SpeechInterrupted(error=None):
                self._done(event.speech_id, "cancelled", event.playback.spoken_text)
            case events.SpeechInterrupted():
                self._failed(event.error)
                self._done(event.speech_id, "failed", event.playback.spoken_text)
            case events.StateChanged():
                self._send(protocol.StateChanged(state=event.state))
            case events.SessionFailed():
                self._failed(event.error)
            case (
                events.SpeechStarted()
                | events.UserStarted()
                | events.UserStopped()
                | events.Underrun()
                | events.Metrics()
            ):
                pass

    def _done(self, response_id: str, status: protocol.DoneStatus, spoken_text: str) -> None:
        self._responses.discard(response_id)
        if response_id == self._feed_id and self._feed is not None:
            # Further pieces of this text have nowhere to go: they fall into the closed feed.
            self._feed.close()
        self._send(
            protocol.ResponseDone(response_id=response_id, status=status, spoken_text=spoken_text)
        )

    def _failed(self, error: Exception | None) -> None:
        # What is no error of ours may tell of our insides: that stays in the log.
        known = error if isinstance(error, JamflowError) else Failed("The response failed.")
        code: protocol.ErrorCode = "invalid_input" if isinstance(known, InvalidInput) else "failed"
        self._send(protocol.ErrorEvent(code=code, message=str(known)))

    def _error(
        self,
        code: protocol.ErrorCode,
        message: str,
        event: protocol.ClientEvent,
        param: str | None = None,
    ) -> None:
        self._send(
            protocol.ErrorEvent(code=code, message=message, param=param, event_id=event.event_id)
        )

    def _send(self, event: protocol.ServerEvent) -> None:
        self._send_text(protocol.dump_event(event))
