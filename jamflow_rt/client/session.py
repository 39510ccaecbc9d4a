"""The remote session: the surface of a local one, with a server behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jamflow_rt import protocol
from jamflow_rt.client.events import EVENT_TYPES, ConnectionLost, ConnectionResumed, RemoteEvent
from jamflow_rt.client.frames import RemoteFrame
from jamflow_rt.client.incoming import Incoming
from jamflow_rt.client.link import Link, as_failure
from jamflow_rt.client.pushing import Microphone, Pushing
from jamflow_rt.client.reading import Frames
from jamflow_rt.client.saying import Saying
from jamflow_rt.client.speech import RemoteSpeech
from jamflow_rt.client.speeches import Speeches
from jamflow_rt.client.updating import Updating
from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import Failed, InvalidInput, JamflowError
from jamflow_rt.stream import events
from jamflow_rt.stream.listeners import Listeners
from jamflow_rt.stream.media import Playback

log = logging.getLogger(__name__)


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
        self._listeners: Listeners[RemoteEvent] = Listeners("", EVENT_TYPES)
        self._frames = Frames()
        self._speeches = Speeches(self._listeners.tell, lambda: self._frames.time)
        self._saying = Saying(self._send, self._speeches.drop)
        self._pushing = Pushing(self._link.send, self._speeches.new)
        self._microphone = Microphone(self._link.send)
        self._updating = Updating(self._send)
        self._incoming = Incoming(
            self._listeners,
            self._frames,
            self._speeches,
            self._saying,
            self._pushing,
            self._updating,
        )
        self._closed = False
        self._error: JamflowError | None = None
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<RemoteSession {self.id} {'closed' if self._closed else self.state}>"

    # What it is doing

    @property
    def id(self) -> str:
        """The server's name for it."""
        return self._incoming.session_id

    @property
    def state(self) -> events.State:
        """`speaking` from the first to the last frame of a speech, otherwise `idle`."""
        return self._incoming.state

    @property
    def closed(self) -> bool:
        """True when it was closed or has failed."""
        return self._closed

    @property
    def time(self) -> float:
        """Seconds on the session's media clock: the end of the last frame that came."""
        return self._frames.time

    @property
    def epoch(self) -> int:
        """Counts interrupts; frames of an older epoch are not to be shown."""
        return self._incoming.epoch

    @property
    def voices(self) -> tuple[str, ...]:
        """Voices that `update` takes."""
        created = self._incoming.created
        return () if created is None else created.voices

    @property
    def portraits(self) -> tuple[str, ...]:
        """Portraits that `update` takes."""
        created = self._incoming.created
        return () if created is None else created.portraits

    def on_event(self, callback: Callable[[RemoteEvent], None]) -> Callable[[], None]:
        """Call `callback` with every event, on the event loop, in order.

        Returns:
            A function that ends this.
        """
        return self._listeners.on_event(callback)

    def on(self, kind: str, callback: Callable[[Any], None]) -> Callable[[], None]:
        """Call `callback` with every event of one type, such as `speech.word`.

        Returns:
            A function that ends this.

        Raises:
            InvalidInput: there are no events of this type.
        """
        return self._listeners.on(kind, callback)

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
        speech = self._speeches.new(text if isinstance(text, str) else "")
        try:
            if mode == "interrupt":
                self._saying.say_instead(speech, text)
            else:
                self._saying.say(speech, text)
        except BaseException:
            self._speeches.forget(speech)
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
        return self._pushing.push_motion(motion, self._incoming.space)

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
        current = self._speeches.first()
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
        await self._updating.update(voice=voice, portrait=portrait, speed=speed)

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
        return await self._frames.next()

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
        self._incoming.unpacker = Unpacker(space)
        await self._link.open()
        self._task = asyncio.create_task(self._run(), name=f"remote-{self.id}")

    # Within

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
        await self._incoming.take(message)

    def _on_change(self, there: bool) -> None:
        if not there:
            self._listeners.tell(ConnectionLost(self.time))
            return
        self._speeches.doubt()
        # The answer comes after everything that we missed.
        self._send(protocol.SessionUpdate())
        self._listeners.tell(ConnectionResumed(self.time))

    def _check_text(self, text: str) -> None:
        # Reading of text is no small import.
        from jamflow_rt.stream.sources import check_text

        assert self._incoming.created is not None
        check_text(text, self._incoming.created.max_text)

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
        self._speeches.end(error)
        self._updating.end(error)
        if error is not None:
            self._listeners.tell(events.SessionFailed(self.time, error))
        self._listeners.clear()
        self._frames.end(error)
