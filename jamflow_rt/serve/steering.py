"""What a client's events do to its session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from jamflow_rt import protocol
from jamflow_rt.errors import InvalidInput, JamflowError, Overloaded
from jamflow_rt.serve.event_errors import WrongField, error_event
from jamflow_rt.serve.greeting import Greeting
from jamflow_rt.serve.pushing import Pushing
from jamflow_rt.serve.responses import Responses, spoken_until
from jamflow_rt.serve.text_feed import TextFeed
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.speech import Speech
from jamflow_rt.stream.studio import PortraitLike

MAX_PORTRAITS: Final = 4
"""Portraits that may wait to be opened, which takes tenths of a second each."""

FindPortrait = Callable[[str], PortraitLike]
"""A portrait by a name from the network, which must not become a path; raises InvalidInput."""
Send = Callable[[protocol.ServerEvent], None]

_FIELDS: Final[dict[type[protocol.ClientMessage], str]] = {
    protocol.ResponseCreate: "input",
    protocol.InputTextAppend: "delta",
    protocol.InputAudioAppend: "audio",
    protocol.InputMotionAppend: "frames",
}
"""The field of an event that a session refuses, if it refuses it."""


class Steering:
    """Acts on a client's events, one after the other.

    Args:
        session: what is steered.
        responses: where the speeches are kept that it begins.
        send: takes the answers.
        greeting: how the session begins, and which voices it may have.
        find_portrait: portraits that it may have.
    """

    def __init__(
        self,
        session: Session,
        responses: Responses,
        send: Send,
        greeting: Greeting,
        find_portrait: FindPortrait,
    ) -> None:
        self.settings = protocol.SessionUpdated(
            voice=greeting.voice,
            portrait=greeting.portrait,
            speed=greeting.speed,
            input_sample_rate=protocol.DEFAULT_INPUT_RATE,
        )
        """How the session is set now."""
        self.playback_lag: float | None = None
        """Seconds by which the client's playback was behind the server when it last told."""
        self._session = session
        self._responses = responses
        self._send = send
        self._voices = greeting.voices
        # Such a client draws by itself: the session has no pictures to change.
        self._client_draws = greeting.media == "motion"
        self._find_portrait = find_portrait
        # The open input text and the response that says it, if the session took it.
        self._feed: TextFeed | None = None
        self._feed_id: str | None = None
        self._pushing = Pushing(session, responses, self._begin)
        # Opens portraits, one after the other, while other events are acted on.
        self._opening = asyncio.Lock()
        self._portraits: set[asyncio.Task[None]] = set()

    async def act(self, event: protocol.ClientEvent) -> None:
        """Do what an event asks for; what cannot be done is answered by an error."""
        try:
            await self._act(event)
        except Exception as error:
            self._send(error_event(error, event, _FIELDS.get(type(event))))
            if not isinstance(error, JamflowError):
                raise

    def ended(self, response_id: str) -> None:
        """A response ended. What still comes in for it has nowhere to go."""
        if response_id == self._feed_id and self._feed is not None:
            self._feed.close()
        self._pushing.ended(response_id)

    async def aclose(self) -> None:
        """The client is gone: nothing more comes in."""
        self._close_feed()
        for task in self._portraits:
            task.cancel()
        await asyncio.gather(*self._portraits, return_exceptions=True)

    async def _act(self, event: protocol.ClientEvent) -> None:
        session = self._session
        match event:
            case protocol.ResponseCreate():
                self._create(event)
            case protocol.InputTextAppend():
                self._append_text(event)
            case protocol.InputTextDone():
                self._close_feed()
            case protocol.InputAudioAppend():
                self._pushing.sound(event, self.settings.input_sample_rate)
            case protocol.InputMotionAppend():
                self._pushing.motion(event)
            case protocol.InputAudioCommit():
                self._pushing.complete()
            case protocol.InputAudioClear():
                await self._pushing.clear()
            case protocol.ResponseCancel() | protocol.OutputAudioClear():
                self._close_feed()
                await session.interrupt()
            case protocol.ItemTruncate():
                self._truncate(event)
            case protocol.AvatarState(state="listening"):
                session.listen()
            case protocol.AvatarState():
                session.idle()
            case protocol.AvatarPause():
                session.pause()
            case protocol.AvatarResume():
                session.resume()
            case protocol.PlaybackPosition():
                speech = self._responses.find(event.item_id)
                if speech is not None:
                    self.playback_lag = speech.position - event.ms / 1000
            case protocol.SessionUpdate():
                await self._update(event)

    # Texts

    def _create(self, event: protocol.ResponseCreate) -> None:
        if event.mode == "queue":
            self._responses.check_room()
            self._begin(self._session.say(event.input), event)
            return
        # What was still coming in is over, also when the session refuses the new text.
        self._close_feed()
        self._pushing.complete()
        self._begin(self._session.say(event.input, mode="interrupt"), event)

    def _append_text(self, event: protocol.InputTextAppend) -> None:
        if self._feed is None:
            self._feed = TextFeed()
            try:
                self._responses.check_room()
                self._feed_id = self._begin(self._session.say(self._feed), event)
            except JamflowError:
                # Without its beginning the rest is not said either.
                self._feed.close()
                raise
        self._feed.append(event.delta)

    def _close_feed(self) -> None:
        if self._feed is not None:
            self._feed.close()
        self._feed = self._feed_id = None

    def _begin(self, speech: Speech, event: protocol.ClientEvent) -> str:
        self._responses.add(speech)
        self._send(protocol.ResponseCreated(response_id=speech.id, event_id=event.event_id))
        return speech.id

    # The account

    def _truncate(self, event: protocol.ItemTruncate) -> None:
        speech = self._responses.find(event.item_id)
        if speech is None:
            raise WrongField(
                "item_id", "There is no such response, or it ended long ago.", "invalid_event"
            )
        sent = round(1000 * speech.position)
        if event.audio_end_ms > sent:
            raise WrongField(
                "audio_end_ms", f"Only {sent} ms of this response were sent.", "invalid_event"
            )
        self._send(
            protocol.ItemTruncated(
                item_id=event.item_id,
                audio_end_ms=event.audio_end_ms,
                spoken_text=spoken_until(speech, event.audio_end_ms),
            )
        )

    # Settings

    async def _update(self, event: protocol.SessionUpdate) -> None:
        if event.voice is not None and event.voice not in self._voices:
            known = ", ".join(self._voices) or "none to choose"
            raise WrongField("voice", f"There is no voice {event.voice!r}. There is: {known}.")
        portrait: PortraitLike | None = None
        if event.portrait is not None:
            if len(self._portraits) >= MAX_PORTRAITS:
                raise Overloaded(f"{MAX_PORTRAITS} portraits are being opened already.")
            try:
                portrait = self._find_portrait(event.portrait)
            except InvalidInput as error:
                raise WrongField("portrait", str(error)) from error
        await self._session.update(voice=event.voice, speed=event.speed)
        self._set(voice=event.voice, speed=event.speed, input_sample_rate=event.input_sample_rate)
        if portrait is None:
            self._send(self.settings)
            return
        # Apart, for it takes its time, and a client that says stop must not wait for it.
        task = asyncio.create_task(self._open_portrait(event, portrait))
        self._portraits.add(task)
        task.add_done_callback(self._portraits.discard)

    async def _open_portrait(self, event: protocol.SessionUpdate, portrait: PortraitLike) -> None:
        async with self._opening:
            try:
                if not self._client_draws:
                    await self._session.update(portrait=portrait)
                self._set(portrait=event.portrait)
            except JamflowError as error:
                self._send(error_event(error, event, "portrait"))
            self._send(self.settings)

    def _set(self, **changes: Any) -> None:
        """Note the changes that are not None."""
        given = {name: value for name, value in changes.items() if value is not None}
        self.settings = self.settings.model_copy(update=given)
