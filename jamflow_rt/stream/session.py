"""A session: one face that speaks, in real time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable
from concurrent.futures import Executor
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.config import Voice
from jamflow_rt.errors import Failed, InvalidInput, JamflowError
from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.events import Event, SessionFailed, State, Underrun
from jamflow_rt.stream.media import Frame, Playback
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.playout import Playout
from jamflow_rt.stream.programme import Programme
from jamflow_rt.stream.settings import SessionSettings
from jamflow_rt.stream.sound import SoundSource, check_pcm
from jamflow_rt.stream.sources import Piece, Source, TextSource, TokenSource, check_text, text_piece
from jamflow_rt.stream.speech import Speech
from jamflow_rt.stream.supply import Supply
from jamflow_rt.text.front import TextFront

log = logging.getLogger(__name__)
T = TypeVar("T")


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
        engine: Engine,
        performance: Performance,
        playout: Playout,
        front: TextFront,
        voice: Voice,
        executor: Executor,
        settings: SessionSettings,
        look_ahead: int,
        on_close: Callable[[Session], None],
    ) -> None:
        self.id = session_id
        self._playout = playout
        self._front = front
        self._voice = voice
        self._executor = executor
        self._settings = settings
        self._look_ahead = look_ahead
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Callable[[Event], None]] = []
        self._speech_count = 0
        # The sound that is being pushed in, until `flush`.
        self._pushed: tuple[Speech, SoundSource] | None = None
        self._supply = Supply(engine, performance, playout, settings, self._progress, self._fail)
        self._programme = Programme(
            performance, self._supply, playout, settings.score_ahead, self._emit
        )
        self._pulling = False
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
        self._listeners.append(callback)

        def remove() -> None:
            if callback in self._listeners:
                self._listeners.remove(callback)

        return remove

    # What drives it

    def say(self, text: str | AsyncIterable[str]) -> Speech:
        """Say something, after what is being said already. Returns at once.

        Args:
            text: a text, or the tokens of one that is still being written.

        Returns:
            The speech; `await` it to wait until it has been heard.

        Raises:
            InvalidInput: the text is empty, too long, or in a script that cannot be read. What is
                wrong with a token stream is raised by the speech when it ends.
            Failed: the session is closed or has failed.
        """
        self._check_open()
        if isinstance(text, str):
            check_text(text, self._settings.max_text)
        elif not isinstance(text, AsyncIterable):
            raise InvalidInput(
                f"say() takes a str or an async iterable of str, not {type(text).__name__}."
            )
        speech = self._new_speech(text if isinstance(text, str) else "")
        compose = partial(_compose, self._front, self._settings.speed, self._voice, speech.id)
        source: Source
        if isinstance(text, str):
            source = TextSource(text, compose, self._run)
        else:
            source = TokenSource(
                text, compose, self._run, partial(_grow, speech), self._settings.max_text
            )
        self._programme.add(speech, source)
        return speech

    def push_audio(self, pcm: NDArray[np.float32] | NDArray[np.int16], sample_rate: int) -> Speech:
        """Let the face speak with a sound from outside; call it as the sound comes in.

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
            source = SoundSource(int(sample_rate), speech.id, self._look_ahead, self._run)
            self._pushed = speech, source
            self._programme.add(speech, source)
        speech, source = self._pushed
        if source.sample_rate != sample_rate:
            raise InvalidInput(
                f"The sample rate changed from {source.sample_rate} to {sample_rate}: "
                "flush() before sound of another rate."
            )
        source.push(sound)
        return speech

    def flush(self) -> Speech | None:
        """What `push_audio` gave is complete. Returns its speech; None when there was none."""
        self._check_open()
        if self._pushed is None:
            return None
        (speech, source), self._pushed = self._pushed, None
        source.finish()
        return speech

    async def interrupt(self) -> Playback:
        """Stop at once: the sound fades out in the next frame, the face goes on to idle.

        Everything queued ends as well, and the producers of token streams are cancelled.

        Returns:
            What was heard of the speech that was being said, or was next.
        """
        self._check_open()
        playback = self._programme.playback()
        self._playout.hush()
        if self._programme.current is not None:
            self._supply.cut()
            self._pushed = None
            self._programme.drop()
        self._supply.pump()
        await asyncio.sleep(0)  # cancelled producers take notice before we return
        return playback

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
            current = self._programme.current
            self._emit(Underrun(frame.time, current.id if current else None))
        self._programme.hear(frame)
        self._supply.pump()
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
        self._end(SessionFailed(error))

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
        self._on_close(self)

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
        return await self._loop.run_in_executor(self._executor, function, *arguments)


def _compose(front: TextFront, speed: float, voice: Voice, speech_id: str, text: str) -> Piece:
    return text_piece(front.timeline(text, speed, voice), text, speech_id)


def _grow(speech: Speech, token: str) -> None:
    speech.text += token
