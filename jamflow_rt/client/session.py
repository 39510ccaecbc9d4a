"""The remote session: the surface of a local one, with a server behind it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from jamflow_rt import protocol
from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.client.events import (
    EVENT_TYPES,
    ConnectionLost,
    ConnectionResumed,
    Expiring,
    RemoteError,
    RemoteEvent,
)
from jamflow_rt.client.failures import failure
from jamflow_rt.client.frames import Assembler, Parts, RemoteFrame
from jamflow_rt.client.link import Link, as_failure
from jamflow_rt.client.pushing import Microphone, Pushing
from jamflow_rt.client.saying import Saying
from jamflow_rt.client.speech import RemoteSpeech
from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import Failed, InvalidInput, JamflowError
from jamflow_rt.stream import events
from jamflow_rt.stream.media import Playback, SpokenPhoneme, SpokenWord

if TYPE_CHECKING:
    from jamflow_rt.client.unpacking import Unpacker

log = logging.getLogger(__name__)

MAX_WAITING: Final = 2 * MOTION_RATE
"""Frames that wait for a reader: two seconds, then the oldest fall out."""


class RemoteSession:
    """One face that speaks, at a server. Made by `connect`; its methods belong to one event loop.

    It is used as a local `Session` is. Frames come from the server in real time, whether somebody
    iterates or not; a reader that is late by more than two seconds loses the oldest. When the
    socket is lost, it comes back to the same session by itself, if the server still has it.

    Use it as an async context manager, or call `aclose()`.
    """

    def __init__(self, url: str, query: dict[str, str], token: str | None) -> None:
        self._url, self._query, self._token = url, query, token
        self._link = Link(url, query, token, self._on_message, self._on_change)
        self._created: protocol.SessionCreated | None = None
        self._state: events.State = "idle"
        self._listeners: list[Callable[[RemoteEvent], None]] = []
        self._saying = Saying(self._send, self._dropped)
        self._pushing = Pushing(self._link.send, self._new_speech)
        self._microphone = Microphone(self._link.send)
        self._count = 0
        # Speeches that have not ended, in the order of their asking, by our names for them; and
        # those that the server has taken on, by its names.
        self._speeches: dict[str, RemoteSpeech] = {}
        self._responses: dict[str, RemoteSpeech] = {}
        # The speech whose sound comes now, and whether its last frame comes next.
        self._sounding: RemoteSpeech | None = None
        self._stopping = False
        # True when a speech was broken off since the last frame.
        self._broken_off = False
        # Calls of `update` that wait: what they asked for.
        self._updates: dict[str, tuple[dict[str, Any], asyncio.Future[None]]] = {}
        # An error of the server about no event of ours: about the response that fails next.
        self._told_error: JamflowError | None = None
        # Speeches that were asked for over a socket that was lost, until we know more.
        self._doubtful: tuple[RemoteSpeech, ...] = ()
        self._assembler = Assembler()
        self._unpacker: Unpacker | None = None
        self._frames: deque[RemoteFrame] = deque()
        self._wake = asyncio.Event()
        self._time = 0.0
        self._pulling = False
        self._closed = False
        self._error: JamflowError | None = None
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<RemoteSession {self.id} {'closed' if self._closed else self.state}>"

    # What it is doing

    @property
    def id(self) -> str:
        """The server's name for it."""
        return "" if self._created is None else self._created.session_id

    @property
    def state(self) -> events.State:
        """`speaking` from the first to the last frame of a speech, otherwise `idle`."""
        return self._state

    @property
    def closed(self) -> bool:
        """True when it was closed or has failed."""
        return self._closed

    @property
    def time(self) -> float:
        """Seconds on the session's media clock: the end of the last frame that came."""
        return self._time

    @property
    def epoch(self) -> int:
        """Counts interrupts; frames of an older epoch are not to be shown."""
        return self._assembler.epoch

    @property
    def voices(self) -> tuple[str, ...]:
        """Voices that `update` takes."""
        return () if self._created is None else self._created.voices

    @property
    def portraits(self) -> tuple[str, ...]:
        """Portraits that `update` takes."""
        return () if self._created is None else self._created.portraits

    def on_event(self, callback: Callable[[RemoteEvent], None]) -> Callable[[], None]:
        """Call `callback` with every event, on the event loop, in order.

        Returns:
            A function that ends this.
        """
        self._listeners.append(callback)

        def remove() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return remove

    def on(self, kind: str, callback: Callable[[Any], None]) -> Callable[[], None]:
        """Call `callback` with every event of one type, such as `speech.word`.

        Returns:
            A function that ends this.

        Raises:
            InvalidInput: there are no events of this type.
        """
        if kind not in EVENT_TYPES:
            known = ", ".join(sorted(EVENT_TYPES))
            raise InvalidInput(f"There is no event type {kind!r}; there are {known}.")
        return self.on_event(lambda event: callback(event) if event.type == kind else None)

    # What drives it

    def say(
        self,
        text: str | AsyncIterable[str],
        *,
        mode: Literal["queue", "interrupt"] = "queue",
    ) -> RemoteSpeech:
        """Say something. Returns at once.

        Args:
            text: a text, or the tokens of one that is still being written.
            mode: `queue` says it after what is being said already, `interrupt` instead of it.

        Returns:
            The speech; `await` it to wait until it has been heard. What the server refuses is
            raised by that.

        Raises:
            InvalidInput: the text is empty, too long, or in a script that cannot be read.
            Overloaded: too much waits to be sent.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        if mode not in ("queue", "interrupt"):
            raise InvalidInput(f"mode is 'queue' or 'interrupt', not {mode!r}.")
        if isinstance(text, str):
            self._check_text(text)
        elif not isinstance(text, AsyncIterable):
            raise InvalidInput(
                f"say() takes a str or an async iterable of str, not {type(text).__name__}."
            )
        if mode == "interrupt":
            self._pushing.forget()
        speech = self._new_speech(text if isinstance(text, str) else "")
        try:
            if mode == "interrupt":
                self._saying.say_instead(speech, text)
            else:
                self._saying.say(speech, text)
        except BaseException:
            del self._speeches[speech.id]
            raise
        return speech

    def push_audio(
        self, pcm: NDArray[np.float32] | NDArray[np.int16], sample_rate: int
    ) -> RemoteSpeech:
        """Let the face speak with a sound from outside; call it as the sound comes in.

        Args:
            pcm: (N,) the next samples, one channel, int16 or float32 −1…1; any N.
            sample_rate: samples a second, 8000…48000, the same until `flush`.

        Returns:
            The speech that the sound belongs to; it ends with `flush`.

        Raises:
            InvalidInput: the sound cannot be used; nothing of it was taken.
            Overloaded: too much waits to be sent.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        return self._pushing.push_audio(pcm, sample_rate)

    def push_motion(self, motion: Sequence[FaceState] | NDArray[np.float32]) -> RemoteSpeech:
        """Let the face move as given, in silence; call it as the motion comes in.

        Args:
            motion: the next faces, or latents (N, D) of the model's motion space, 25 a second.
                Faces can be pushed where media is `motion`.

        Returns:
            The speech that the motion belongs to; it ends with `flush`.

        Raises:
            InvalidInput: the motion cannot be used; nothing of it was taken.
            Overloaded: too much waits to be sent.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        space = None if self._unpacker is None else self._unpacker.space
        return self._pushing.push_motion(motion, space)

    def flush(self) -> RemoteSpeech | None:
        """What `push_audio` or `push_motion` gave is complete.

        Returns:
            Its speech; None when there was none.
        """
        self._check_open()
        return self._pushing.flush()

    async def interrupt(self) -> Playback:
        """Stop at once. Everything queued ends as well, and token streams are read no further.

        Returns:
            What left the server of the speech that was being said, or was next.
        """
        self._check_open()
        current = next(iter(self._speeches.values()), None)
        self._pushing.forget()
        self._saying.cancel()
        if current is None:
            return Playback(None, 0.0, "")
        with suppress(Exception):
            await current  # its error is told to who waits for it
        if self._error is not None:
            raise self._error
        return current.playback()

    def pause(self) -> None:
        """Stop as `interrupt` does, and keep everything: `resume` goes on."""
        self._ask(protocol.AvatarPause())

    def resume(self) -> None:
        """Go on after `pause`, from the word that was broken off."""
        self._ask(protocol.AvatarResume())

    def listen(self) -> None:
        """Look attentive while nothing is being said, until `idle()`. `hear` does it by itself."""
        self._ask(protocol.AvatarState(state="listening"))

    def idle(self) -> None:
        """Listen and think no longer. What is being said goes on; `interrupt` ends that."""
        self._ask(protocol.AvatarState(state="idle"))

    def hear(self, pcm: NDArray[np.float32] | NDArray[np.int16], sample_rate: int) -> None:
        """Hear the user; call it as the microphone's sound comes in.

        Args:
            pcm: (N,) the next samples, one channel, int16 or float32 −1…1; any N.
            sample_rate: samples a second, 8000…48000.

        Raises:
            InvalidInput: the sound cannot be used.
            Overloaded: too much waits to be sent.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        self._microphone.hear(pcm, sample_rate)

    async def update(
        self,
        *,
        voice: str | None = None,
        portrait: str | None = None,
        speed: float | None = None,
    ) -> None:
        """Change voice, portrait or speed while running.

        Args:
            voice: one of `voices`.
            portrait: one of `portraits`, or the id of an uploaded one.
            speed: rate of speech, 0.25…4.

        Raises:
            InvalidInput: one of them cannot be used.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        asked: dict[str, Any] = {"voice": voice, "portrait": portrait, "speed": speed}
        wanted = {name: value for name, value in asked.items() if value is not None}
        event_id = self._next_id("update")
        try:
            event = protocol.SessionUpdate(event_id=event_id, **wanted)
        except ValidationError as error:
            raise InvalidInput(f"This cannot be set: {error.errors()[0]['msg']}.") from error
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._updates[event_id] = wanted, done
        try:
            self._send(event)
            await done
        finally:
            del self._updates[event_id]

    # What comes out

    def __aiter__(self) -> RemoteSession:
        return self

    async def __anext__(self) -> RemoteFrame:
        """The next frame.

        Raises:
            StopAsyncIteration: the session was closed.
            Failed: the session failed, or its connection did not come back.
            InvalidInput: somebody else is reading the frames.
        """
        if self._pulling:
            raise InvalidInput("A session has one reader; another task iterates over it already.")
        self._pulling = True
        try:
            while True:
                if self._closed:
                    raise self._error or StopAsyncIteration
                if self._frames:
                    return self._frames.popleft()
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._pulling = False

    async def aclose(self) -> None:
        """End the session; what it was saying is interrupted. May be called twice."""
        await self._link.aclose()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._end(None)
        await self._saying.aclose()

    async def __aenter__(self) -> RemoteSession:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def open(self) -> None:
        """Connect. `connect` has done this."""
        # PyAV and SciPy take their time to load; who only imports this does not wait for them.
        from jamflow_rt.client.unpacking import Unpacker

        space = None
        if self._query.get("media") == "motion":
            from jamflow_rt.client.space import fetch_space

            space = await fetch_space(self._url, self._token)
        self._unpacker = Unpacker(space)
        await self._link.open()
        self._task = asyncio.create_task(self._run(), name=f"remote-{self.id}")

    # Within: what comes from the server

    async def _run(self) -> None:
        error: JamflowError | None = None
        try:
            await self._link.run()
        except Exception as raised:
            error = as_failure(raised)
            if error is not raised:
                log.exception("Session %s broke.", self.id)
        self._end(error)
        await self._link.aclose()

    async def _on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            await self._on_media(message)
            return
        try:
            event = protocol.parse_server_event(message)
        except ValidationError:
            log.info("The server told something that this version does not know.")
            return
        self._on_told(event)

    def _on_told(self, event: protocol.ServerEvent) -> None:
        match event:
            case protocol.SessionCreated():
                self._created = event
            case protocol.SessionUpdated():
                self._updated(event)
            case protocol.SessionExpiring():
                self._emit(Expiring(self._time, event.reason, event.seconds))
            case protocol.ResponseCreated():
                self._accepted(event)
            case protocol.OutputAudioStarted():
                self._sounding = self._responses.get(event.response_id)
                self._stopping = False
                if self._sounding is not None:
                    self._emit(events.SpeechStarted(self._time, self._sounding.id))
            case protocol.TranscriptDelta():
                self._word(event)
            case protocol.VisemeDelta():
                self._phoneme(event)
            case protocol.OutputAudioStopped():
                self._stopping = True
            case protocol.OutputAudioCleared():
                self._sounding, self._broken_off = None, True
            case protocol.ResponseDone():
                self._done(event)
            case protocol.StateChanged():
                self._state = event.state
                self._emit(events.StateChanged(self._time, event.state))
            case protocol.SpeechStarted():
                self._emit(events.UserStarted(self._time, self._broken_off))
            case protocol.SpeechStopped():
                self._emit(events.UserStopped(self._time))
            case protocol.Metrics():
                self._emit(_metrics(event))
            case protocol.ErrorEvent():
                self._refused(event)
            case protocol.SessionClosed() | protocol.ItemTruncated() | protocol.RateLimits():
                pass

    async def _on_media(self, message: bytes) -> None:
        assert self._unpacker is not None
        try:
            media = protocol.MediaFrame.unpack(message)
        except InvalidInput as error:
            log.info("The server sent media that this version does not know: %s", error)
            return
        newest = self._assembler.epoch
        complete = self._assembler.push(media)
        if self._assembler.epoch > newest:
            self._frames.clear()
        self._broken_off = False
        for parts in complete:
            frame = await self._frame(parts)
            if parts.epoch < self._assembler.epoch:
                continue
            self._frames.append(frame)
            if len(self._frames) > MAX_WAITING:
                self._frames.popleft()
            self._time = frame.time + 1 / MOTION_RATE
            self._wake.set()

    async def _frame(self, parts: Parts) -> RemoteFrame:
        assert self._unpacker is not None
        speech = self._sounding
        # While paused, and while more of a text is awaited, it does not sound.
        if self._state != "speaking" and not self._stopping:
            speech = None
        words, phonemes = ((), ()) if speech is None else speech.hear_frame()
        if self._stopping:
            self._sounding, self._stopping = None, False
        return await self._unpacker.frame(
            parts, None if speech is None else speech.id, words, phonemes
        )

    def _accepted(self, event: protocol.ResponseCreated) -> None:
        speech = self._speeches.get(event.event_id or "") or self._pushing.unnamed
        if speech is None:
            return  # it ended here in the meantime
        speech.response_id = event.response_id
        self._responses[event.response_id] = speech

    def _word(self, event: protocol.TranscriptDelta) -> None:
        speech = self._responses.get(event.response_id)
        if speech is None:
            return
        word = SpokenWord(event.delta, event.start_ms / 1000, event.end_ms / 1000)
        speech.begin_word(word)
        self._emit(events.WordSpoken(self._time, speech.id, word.text, word.start, word.end))

    def _phoneme(self, event: protocol.VisemeDelta) -> None:
        speech = self._responses.get(event.response_id)
        if speech is not None:
            start, end = event.start_ms / 1000, event.end_ms / 1000
            speech.begin_phoneme(SpokenPhoneme(event.phoneme, start, end))

    def _done(self, event: protocol.ResponseDone) -> None:
        speech = self._responses.pop(event.response_id, None)
        if speech is None:
            return
        if event.status == "failed":
            told, self._told_error = self._told_error, None
            speech.error = speech.error or told or Failed("The response failed.")
        speech.finish(event)
        self._left(speech)
        self._saying.ended(speech)
        self._pushing.ended(speech)

    def _refused(self, event: protocol.ErrorEvent) -> None:
        error = failure(event)
        update = self._updates.get(event.event_id or "")
        if update is not None:
            if not update[1].done():
                update[1].set_exception(error)
            return
        speech = self._speeches.get(event.event_id or "")
        if speech is None:
            self._told_error = error
            log.info("Session %s: %s", self.id, error)
            self._emit(RemoteError(self._time, error))
            return
        speech.error = speech.error or error
        if speech.response_id is None:
            self._dropped(speech)
        # Of a text that is being written, nothing more is wanted.
        self._saying.ended(speech)
        self._pushing.ended(speech)

    def _updated(self, event: protocol.SessionUpdated) -> None:
        for wanted, done in self._updates.values():
            if not done.done() and all(getattr(event, name) == wanted[name] for name in wanted):
                done.set_result(None)
        # What was asked for before and is not known by now did not arrive.
        doubtful, self._doubtful = self._doubtful, ()
        for speech in doubtful:
            if speech.response_id is None and not speech.done:
                speech.error = Failed("The connection was lost before this arrived; say it again.")
                self._dropped(speech)

    def _on_change(self, there: bool) -> None:
        if not there:
            self._emit(ConnectionLost(self._time))
            return
        self._doubtful = tuple(
            speech for speech in self._speeches.values() if speech.response_id is None
        )
        # The answer comes after everything that we missed.
        self._send(protocol.SessionUpdate())
        self._emit(ConnectionResumed(self._time))

    # Within: speeches

    def _new_speech(self, text: str) -> RemoteSpeech:
        speech = RemoteSpeech(self._next_id("speech"), text)
        self._speeches[speech.id] = speech
        return speech

    def _dropped(self, speech: RemoteSpeech) -> None:
        """It ends without the server."""
        if not speech.done:
            speech.give_up(None)
            self._left(speech)

    def _left(self, speech: RemoteSpeech) -> None:
        self._speeches.pop(speech.id, None)
        playback = speech.playback()
        if speech.interrupted:
            self._emit(events.SpeechInterrupted(self._time, speech.id, playback, speech.error))
        else:
            self._emit(events.SpeechFinished(self._time, speech.id, playback))

    def _check_text(self, text: str) -> None:
        # Reading of text is no small import.
        from jamflow_rt.stream.sources import check_text

        assert self._created is not None
        check_text(text, self._created.max_text)

    # Within: the rest

    def _next_id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._count}"

    def _send(self, event: protocol.ClientEvent) -> None:
        self._link.send(protocol.dump_event(event))

    def _ask(self, event: protocol.ClientEvent) -> None:
        self._check_open()
        self._send(event)

    def _check_open(self) -> None:
        if self._closed:
            raise self._error or Failed("The session is closed; open a new one.")

    def _end(self, error: JamflowError | None) -> None:
        if self._closed:
            return
        self._closed, self._error = True, error
        for speech in list(self._speeches.values()):
            speech.error = speech.error or error
            self._dropped(speech)
        for _, done in self._updates.values():
            if not done.done():
                done.set_exception(error or Failed("The session was closed."))
        if error is not None:
            self._emit(events.SessionFailed(self._time, error))
        self._frames.clear()
        self._listeners.clear()
        self._wake.set()

    def _emit(self, event: RemoteEvent) -> None:
        for callback in list(self._listeners):
            try:
                callback(event)
            except Exception:
                log.exception("A listener of session %s failed.", self.id)


def _metrics(event: protocol.Metrics) -> events.Metrics:
    first_frame = event.first_frame_ms
    return events.Metrics(
        event.time_ms / 1000,
        event.ahead_ms / 1000,
        event.late_ms / 1000,
        event.underruns,
        None if first_frame is None else first_frame / 1000,
    )
