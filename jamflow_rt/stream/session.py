"""A session: one face that speaks, in real time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable
from types import TracebackType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.config import Voice
from jamflow_rt.errors import Failed, InvalidInput, JamflowError
from jamflow_rt.stream.attention import Attention
from jamflow_rt.stream.events import EVENT_TYPES, Event, SessionFailed, State
from jamflow_rt.stream.given_motion import MotionLike
from jamflow_rt.stream.listeners import Listeners
from jamflow_rt.stream.media import Frame, Playback
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.playout import Playout
from jamflow_rt.stream.programme import Programme
from jamflow_rt.stream.pushing import Pushing
from jamflow_rt.stream.reading import Reading
from jamflow_rt.stream.reference import ReferenceLike
from jamflow_rt.stream.saying import Saying
from jamflow_rt.stream.settings import SessionSettings
from jamflow_rt.stream.speech import Speech
from jamflow_rt.stream.studio import PortraitLike, Studio
from jamflow_rt.stream.supply import Supply
from jamflow_rt.stream.updating import Updating

log = logging.getLogger(__name__)
Mode = Literal["queue", "interrupt"]


class Session:
    """One face that speaks. Made by `avatar.session()`; all its methods belong to one event loop.

    Frames are pulled: `async for frame in session` gives 25 a second, each when it is due. While
    nobody iterates the session stands still and nothing is lost; a reader that is late by up to a
    second is given frames faster until it has caught up. There is one reader at a time.

    Use it as an async context manager, or call `aclose()`.
    """

    def __init__(
        self,
        session_id: str,
        studio: Studio,
        performance: Performance,
        playout: Playout,
        voice: Voice,
        settings: SessionSettings,
        size: int,
        on_close: Callable[[Session], None],
    ) -> None:
        self.id = session_id
        self._playout = playout
        self._at_close: list[Callable[[Session], None]] = [on_close]
        self._listeners: Listeners[Event] = Listeners(session_id, EVENT_TYPES)
        emit = self._listeners.tell
        self._supply = Supply(
            studio.engine, performance, playout, settings, self._progress, self._fail
        )
        self._programme = Programme(performance, self._supply, playout, settings, emit)
        self._saying = Saying(studio, voice, settings, self._new_speech)
        self._pushing = Pushing(studio, self._new_speech, self._programme.add)
        self._updating = Updating(
            studio, self._saying, performance, playout, size, self._check_open
        )
        self._attention = Attention(settings.hearing, self._programme, playout, self._stop, emit)
        self._reading = Reading(
            playout,
            self._programme,
            self._attention,
            self._supply,
            settings.metrics_every,
            emit,
            self._check_running,
            self._fail,
        )
        self._speech_count = 0
        self._closed = False
        self._error: JamflowError | None = None
        self._ready = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Session {self.id} {'closed' if self._closed else self.state}>"

    # What it is doing

    @property
    def state(self) -> State:
        """`speaking` from the first to the last frame of a speech, otherwise `idle`."""
        return self._programme.state

    @property
    def closed(self) -> bool:
        """True when it was closed or has failed."""
        return self._closed

    @property
    def time(self) -> float:
        """Seconds on the media clock: the end of the last frame that left."""
        return self._playout.clock.time

    @property
    def epoch(self) -> int:
        """Counts interrupts; frames of an older epoch are not to be shown."""
        return self._playout.epoch

    def on_event(self, callback: Callable[[Event], None]) -> Callable[[], None]:
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

    def on_close(self, callback: Callable[[Session], None]) -> None:
        """Call `callback` once when the session has ended, for whatever reason."""
        self._at_close.append(callback)

    # What drives it

    def say(
        self,
        text: str | AsyncIterable[str],
        *,
        mode: Mode = "queue",
        reference: ReferenceLike | None = None,
    ) -> Speech:
        """Say something. Returns at once.

        Args:
            text: a text, or the tokens of one that is still being written.
            mode: `queue` says it after what is being said already, `interrupt` instead of it.
            reference: sound, text and motion whose voice and manner are taken over; without it
                the session's voice speaks.

        Returns:
            The speech; `await` it to wait until it has been heard.

        Raises:
            InvalidInput: the text is empty, too long, or in a script that cannot be read; the
                reference cannot be used. What is wrong with a token stream is raised by the
                speech when it ends.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        if mode not in ("queue", "interrupt"):
            raise InvalidInput(f"mode is 'queue' or 'interrupt', not {mode!r}.")
        speech, source = self._saying.say(text, reference)
        if mode == "interrupt":
            self._stop()
        self._programme.add(speech, source)
        return speech

    def push_audio(self, pcm: NDArray[np.float32] | NDArray[np.int16], sample_rate: int) -> Speech:
        """Let the face speak with a sound from outside; call it as the sound comes in.

        The sound goes out as it came in, later by what the model must hear in advance.

        Args:
            pcm: (N,) the next samples, one channel, int16 or float32 −1…1; any N.
            sample_rate: samples a second, 8000…48000, the same until `flush`.

        Returns:
            The speech that the sound belongs to; it ends with `flush`.

        Raises:
            InvalidInput: the sound cannot be used; nothing of it was taken.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        return self._pushing.push_audio(pcm, sample_rate)

    def push_motion(self, motion: MotionLike) -> Speech:
        """Let the face move as given, in silence; call it as the motion comes in.

        Args:
            motion: the next faces, or latents (N, D) of the model's motion space, 25 a second.

        Returns:
            The speech that the motion belongs to; it ends with `flush`.

        Raises:
            InvalidInput: the motion cannot be used; nothing of it was taken.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        return self._pushing.push_motion(motion)

    def flush(self) -> Speech | None:
        """What `push_audio` or `push_motion` gave is complete.

        Returns:
            Its speech; None when there was none.
        """
        self._check_open()
        return self._pushing.flush()

    def dub(self, text: str, motion: MotionLike) -> Speech:
        """Speak a text to given motion: the speech fits the lips and their timing.

        The paper's dubbing: motion and text are known, the sound is generated.

        Args:
            text: what the lips say, or another text of about that length.
            motion: all of it: faces, or latents (N, D) of the model's motion space, 25 a second.

        Returns:
            The speech.

        Raises:
            InvalidInput: the text or the motion cannot be used. That the text is far too long or
                short for the motion is raised by the speech.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        speech, source = self._saying.dub(text, motion)
        self._programme.add(speech, source)
        return speech

    async def interrupt(self) -> Playback:
        """Stop at once: the sound fades out in the next frame, the face goes on to idle.

        Everything queued ends as well, and the producers of token streams are cancelled.

        Returns:
            What was heard of the speech that was being said, or was next.
        """
        self._check_open()
        playback = self._stop()
        await asyncio.sleep(0)  # cancelled producers take notice before we return
        return playback

    def pause(self) -> None:
        """Stop as `interrupt` does, and keep everything: `resume` goes on.

        What comes in meanwhile waits. An interruption ends the pause.

        Raises:
            Failed: the session is closed or has failed.
        """
        self._check_open()
        self._programme.pause()

    def resume(self) -> None:
        """Go on after `pause`, from the word that was broken off, or the sound's last 160 ms.

        Raises:
            Failed: the session is closed or has failed.
        """
        self._check_open()
        self._programme.resume()

    def listen(self) -> None:
        """Look attentive while nothing is being said, until `idle()`. `hear` does it by itself.

        Raises:
            Failed: the session is closed or has failed.
        """
        self._check_open()
        self._attention.attend("listening")

    def idle(self) -> None:
        """Listen and think no longer. What is being said goes on; `interrupt` ends that.

        Raises:
            Failed: the session is closed or has failed.
        """
        self._check_open()
        self._attention.reset()
        self._attention.attend("idle")

    def hear(self, pcm: NDArray[np.float32] | NDArray[np.int16], sample_rate: int) -> None:
        """Hear the user; call it as the microphone's sound comes in.

        While the user speaks the face listens, and nods at pauses; when the turn has ended it
        thinks, until something is said. If both speak at once, the avatar stops after
        `settings.hearing.barge_in` seconds. Its own sound, coming back from loudspeakers, does not
        count.

        Args:
            pcm: (N,) the next samples, one channel, int16 or float32 −1…1; any N.
            sample_rate: samples a second, 8000…48000.

        Raises:
            InvalidInput: the sound cannot be used.
            NotSupported: the weights of the voice activity are not installed.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        self._attention.hear(pcm, sample_rate)

    async def update(
        self,
        *,
        voice: str | None = None,
        portrait: PortraitLike | None = None,
        speed: float | None = None,
    ) -> None:
        """Change voice, portrait or speed while running.

        A voice and a speed hold for what is said from now on; a portrait at once.

        Args:
            voice: one of the avatar's voices.
            portrait: as for `avatar.session`.
            speed: rate of speech, 0.25…4.

        Raises:
            InvalidInput: one of them cannot be used; then nothing changes.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        await self._updating.update(voice, portrait, speed)

    # What comes out

    def __aiter__(self) -> Session:
        return self

    async def __anext__(self) -> Frame:
        """The next frame, when it is due.

        Raises:
            StopAsyncIteration: the session was closed.
            Failed: the session failed.
            InvalidInput: somebody else is reading the frames.
        """
        return await self._reading.next()

    async def aclose(self) -> None:
        """End the session; what it was saying is interrupted. May be called twice."""
        self._end()
        await self._programme.aclose()

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Wait until the first frames are ready. `avatar.session()` has done this."""
        self._supply.pump()
        await self._ready.wait()
        if self._error is not None:
            raise self._error

    # Within

    def _stop(self) -> Playback:
        """Interrupt: all that happens at once."""
        # First: a listener may push something new in as soon as it hears of the end.
        self._pushing.forget()
        return self._programme.interrupt()

    def _new_speech(self, text: str) -> Speech:
        self._speech_count += 1
        return Speech(f"{self.id}-{self._speech_count}", text)

    def _progress(self) -> None:
        self._ready.set()
        self._programme.make_room()

    def _fail(self, error: JamflowError) -> None:
        if self._closed:
            return
        log.error("Session %s failed: %s", self.id, error)
        self._error = error
        self._end(SessionFailed(self.time, error))

    def _end(self, last_event: Event | None = None) -> None:
        if self._closed:
            return
        self._closed = True
        self._pushing.forget()
        self._supply.close()
        self._programme.drop(self._error)
        if last_event is not None:
            self._listeners.tell(last_event)
        self._playout.clear()
        self._listeners.clear()
        self._ready.set()
        for callback in self._at_close:
            callback(self)

    def _check_open(self) -> None:
        if self._closed:
            raise self._error or Failed("The session is closed; open a new one.")

    def _check_running(self) -> None:
        if self._closed:
            if self._error is not None:
                raise self._error
            raise StopAsyncIteration
