"""A session: one face that speaks, in real time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable
from functools import cache, partial
from types import TracebackType
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.codec.pcm import check_pcm
from jamflow_rt.config import Voice
from jamflow_rt.errors import Failed, InvalidInput, JamflowError
from jamflow_rt.stream.attention import Attention
from jamflow_rt.stream.clock import FRAME_SECONDS
from jamflow_rt.stream.composing import compose as compose_text
from jamflow_rt.stream.dub import DubSource
from jamflow_rt.stream.events import (
    EVENT_TYPES,
    Event,
    Metrics,
    SessionFailed,
    State,
    Underrun,
)
from jamflow_rt.stream.given_motion import MotionLike, MotionSource, check_motion
from jamflow_rt.stream.media import Frame, Playback
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.playout import Playout
from jamflow_rt.stream.programme import Programme
from jamflow_rt.stream.reference import PrimedSource, ReferenceLike, check_reference
from jamflow_rt.stream.settings import SessionSettings
from jamflow_rt.stream.sound import SoundSource
from jamflow_rt.stream.sources import (
    Source,
    TextSource,
    TokenSource,
    check_text,
)
from jamflow_rt.stream.speech import Speech
from jamflow_rt.stream.studio import PortraitLike, Studio
from jamflow_rt.stream.supply import Supply
from jamflow_rt.text.written import CharacterFront

log = logging.getLogger(__name__)
T = TypeVar("T")
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
        self._studio = studio
        self._performance = performance
        self._playout = playout
        self._voice = voice
        self._settings = settings
        self._size = size
        self._at_close: list[Callable[[Session], None]] = [on_close]
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Callable[[Event], None]] = []
        self._speech_count = 0
        # The sound or motion that is being pushed in, until `flush`.
        self._pushed: tuple[Speech, SoundSource | MotionSource] | None = None
        self._supply = Supply(
            studio.engine, performance, playout, settings, self._progress, self._fail
        )
        self._programme = Programme(
            performance,
            self._supply,
            playout,
            settings.score_ahead,
            settings.thinking_limit,
            self._emit,
        )
        self._attention = Attention(
            settings.hearing, self._programme, playout, self._stop, self._emit
        )
        self._pulling = False
        self._closed = False
        self._error: JamflowError | None = None
        self._ready = asyncio.Event()
        self._underruns = 0
        # Media time of the next `Metrics`.
        self._metrics_due = settings.metrics_every

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
        if isinstance(text, str):
            check_text(text, self._settings.max_text, self._studio.front.check)
        elif not isinstance(text, AsyncIterable):
            raise InvalidInput(
                f"say() takes a str or an async iterable of str, not {type(text).__name__}."
            )
        continuation = spoken = None
        if reference is not None:
            checked, front = check_reference(reference, self._studio), self._studio.front
            if isinstance(front, CharacterFront):
                spoken = cache(partial(checked.as_voice, front.vocabulary))
            else:
                continuation = partial(checked.continuation, self._studio, self._voice)
        if mode == "interrupt":
            self._stop()
        speech = self._new_speech(text if isinstance(text, str) else "")
        speed = self._settings.speed
        compose = partial(compose_text, self._studio, speed, self._voice, speech.id, spoken)
        source: Source
        if isinstance(text, str):
            source = TextSource(text, compose, self._run)
        else:
            source = TokenSource(
                text, compose, self._run, partial(_grow, speech), self._settings.max_text
            )
        if continuation is not None:
            source = PrimedSource(source, continuation, self._run_apart)
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
        sound = check_pcm(pcm, sample_rate)
        if self._pushed is None:
            speech = self._new_speech("")
            source = SoundSource(int(sample_rate), speech.id, self._run)
            self._pushed = speech, source
            self._programme.add(speech, source)
        speech, pushed = self._pushed
        if not isinstance(pushed, SoundSource):
            raise InvalidInput("Motion is being pushed in: flush() before sound.")
        if pushed.sample_rate != sample_rate:
            raise InvalidInput(
                f"The sample rate changed from {pushed.sample_rate} to {sample_rate}: "
                "flush() before sound of another rate."
            )
        pushed.push(sound)
        return speech

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
        given = check_motion(motion, self._studio.space)
        if self._pushed is None:
            speech = self._new_speech("")
            source = MotionSource(speech.id)
            self._pushed = speech, source
            self._programme.add(speech, source)
        speech, pushed = self._pushed
        if not isinstance(pushed, MotionSource):
            raise InvalidInput("Sound is being pushed in: flush() before motion.")
        pushed.push(given)
        return speech

    def flush(self) -> Speech | None:
        """What `push_audio` or `push_motion` gave is complete.

        Returns:
            Its speech; None when there was none.
        """
        self._check_open()
        if self._pushed is None:
            return None
        (speech, source), self._pushed = self._pushed, None
        source.finish()
        return speech

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
        check_text(text, self._settings.max_text, self._studio.front.check)
        given = check_motion(motion, self._studio.space)
        speech = self._new_speech(text)
        source = DubSource(text, given, speech.id, self._voice, self._studio, self._run_apart)
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
        if not self._programme.paused:
            self._playout.hush()
            self._programme.pause()
            self._supply.pump()

    def resume(self) -> None:
        """Go on after `pause`, from the word that was broken off, or the sound's last 160 ms.

        Raises:
            Failed: the session is closed or has failed.
        """
        self._check_open()
        self._programme.resume()
        self._supply.pump()

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
        settings = self._settings if speed is None else self._settings.at_speed(speed)
        speaker = self._voice if voice is None else self._studio.find_voice(voice)
        if portrait is not None:
            if not self._playout.draws:
                raise InvalidInput("The session has no pictures: open one with pictures=True.")
            painter = await asyncio.to_thread(self._studio.open_painter, portrait, self._size)
            self._check_open()
            self._playout.paint_with(painter)
            if painter.track is not None:
                self._performance.follow(painter.track)
        self._settings, self._voice = settings, speaker
        self._performance.voice = speaker.number

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
        if self._pulling:
            raise InvalidInput("A session has one reader; another task iterates over it already.")
        self._pulling = True
        try:
            self._check_running()
            picture = await self._playout.wait()
            self._check_running()
            frame, starved = self._playout.take(picture)
        except (JamflowError, StopAsyncIteration):
            raise
        except Exception as error:
            self._fail(Failed(f"A picture could not be drawn: {error!r}. Open a new session."))
            raise self._error or error from error
        finally:
            self._pulling = False
        if starved:
            self._underruns += 1
            current = self._programme.current
            self._emit(Underrun(frame.time, current.id if current else None))
        self._attention.played(frame.sound)
        frame = self._programme.hear(frame)
        self._supply.pump()
        self._measure(frame)
        return frame

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
        playback = self._programme.playback()
        self._playout.hush()
        self._pushed = None
        if self._programme.current is not None:
            self._supply.cut()
        self._programme.drop()
        self._supply.pump()
        return playback

    def _measure(self, frame: Frame) -> None:
        if frame.time < self._metrics_due:
            return
        self._metrics_due += self._settings.metrics_every
        clock = self._playout.clock
        ahead = len(self._playout) * FRAME_SECONDS
        first_frame = self._programme.first_frame
        self._emit(Metrics(self.time, ahead, clock.late, self._underruns, first_frame))

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
        self._pushed = None
        self._supply.close()
        self._programme.drop(self._error)
        if last_event is not None:
            self._emit(last_event)
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

    def _emit(self, event: Event) -> None:
        for callback in list(self._listeners):
            try:
                callback(event)
            except Exception:
                log.exception("A listener of session %s failed.", self.id)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await self._loop.run_in_executor(self._studio.executor, function, *arguments)

    async def _run_apart(self, function: Callable[..., T], *arguments: Any) -> T:
        # What waits for the engine must not keep other sessions' texts waiting.
        return await asyncio.to_thread(function, *arguments)


def _grow(speech: Speech, token: str) -> None:
    speech.text += token
