"""A session and an avatar without a model: a tone for a voice, a moving square for a face."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from typing import TYPE_CHECKING, cast

import numpy as np

from jamflow_rt.beats import MOTION_RATE, SAMPLE_RATE, SAMPLES_PER_MOTION
from jamflow_rt.codec.face import FaceState
from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.conversation import Conversation
from jamflow_rt.stream import events
from jamflow_rt.stream.media import Frame, Playback
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.settings import SessionSettings
from tests.toy import toy_space

if TYPE_CHECKING:
    from jamflow_rt.avatar import Avatar

TONE = 440.0
FACE = FaceState(
    landmarks=np.zeros((478, 3), np.float32),
    rotation=np.zeros(3, np.float32),
    translation=np.zeros(2, np.float32),
    scale=1.0,
)


def make_frame(
    index: int, *, speech_id: str | None = None, epoch: int = 0, size: int = 64
) -> Frame:
    """Frame `index` of a session; it sounds (a tone) when it belongs to a speech."""
    picture = np.full((size, size, 3), 90, np.uint8)
    left = (index * 2) % (size - 16)
    picture[16:32, left : left + 16] = (200, 60, 60)
    sound = np.zeros(SAMPLES_PER_MOTION, np.float32)
    if speech_id is not None:
        at = np.arange(SAMPLES_PER_MOTION) + index * SAMPLES_PER_MOTION
        sound = (0.5 * np.sin(2 * np.pi * TONE * at / SAMPLE_RATE)).astype(np.float32)
    return Frame(index / MOTION_RATE, picture, sound, FACE, speech_id, epoch)


class FakeSpeech:
    def __init__(self, speech_id: str, text: str | AsyncIterable[str]) -> None:
        self.id = speech_id
        self.text = text


class FakeSession:
    """Says each text for `words` times 200 ms, as the real one would, in real time."""

    def __init__(self, name: str = "session-1") -> None:
        self.id = name
        self.state: events.State = "idle"
        self.closed = False
        self.said: list[str | AsyncIterable[str]] = []
        self.interrupts = 0
        self.error: Exception | None = None
        self._listeners: list[Callable[[events.Event], None]] = []
        self._at_close: list[Callable[[Session], None]] = []
        self._queue: list[tuple[str, list[str]]] = []
        self._index = 0
        self._begin = 0.0
        self._started = 0
        self._epoch = 0

    @classmethod
    def as_session(cls) -> Session:
        return cast(Session, cls())

    def say(self, text: str | AsyncIterable[str]) -> FakeSpeech:
        if isinstance(text, str) and not text.strip():
            raise InvalidInput("There is nothing to say: the text is empty.")
        self.said.append(text)
        speech = FakeSpeech(f"speech-{len(self.said)}", text)
        self._queue.append((speech.id, text.split() if isinstance(text, str) else ["stream"]))
        return speech

    async def interrupt(self) -> Playback:
        self.interrupts += 1
        self._epoch += 1
        for speech_id, _ in self._queue:
            self.emit(events.SpeechInterrupted(0.0, speech_id, Playback(speech_id, 0.0, "")))
        self._queue.clear()
        self._started = 0
        self._set_state("idle")
        return Playback(None, 0.0, "")

    def on_event(self, callback: Callable[[events.Event], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def emit(self, event: events.Event) -> None:
        for listener in list(self._listeners):
            listener(event)

    def __aiter__(self) -> FakeSession:
        return self

    async def __anext__(self) -> Frame:
        if self.error is not None:
            raise self.error
        if self.closed:
            raise StopAsyncIteration
        # In step with the clock, as the real one: a late frame does not make the next one late.
        now = asyncio.get_running_loop().time()
        self._begin = self._begin or now
        await asyncio.sleep(max(0.0, self._begin + self._index / MOTION_RATE - now))
        if self._queue:
            speech_id, words = self._queue[0]
            self._set_state("speaking")
            if self._started % 5 == 0:
                word = self._started // 5
                start = 0.2 * word
                self.emit(events.WordSpoken(0.0, speech_id, words[word], start, start + 0.2))
            frame = make_frame(self._index, speech_id=speech_id, epoch=self._epoch)
            self._started += 1
            if self._started >= 5 * len(words):
                self._finish(speech_id, words)
        else:
            frame = make_frame(self._index, epoch=self._epoch)
        self._index += 1
        return frame

    def on_close(self, callback: Callable[[Session], None]) -> None:
        self._at_close.append(callback)

    async def aclose(self) -> None:
        callbacks, self._at_close = self._at_close, []
        self.closed = True
        for callback in callbacks:
            callback(cast(Session, self))

    def _finish(self, speech_id: str, words: list[str]) -> None:
        self._queue.pop(0)
        self._started = 0
        playback = Playback(speech_id, 0.2 * len(words), " ".join(words))
        self.emit(events.SpeechFinished(0.0, speech_id, playback))
        if not self._queue:
            self._set_state("idle")

    def _set_state(self, state: events.State) -> None:
        if state != self.state:
            self.state = state
            self.emit(events.StateChanged(0.0, state))


def talking(session: FakeSession) -> Callable[[Callable[[str], None]], Conversation]:
    """Makes the conversation of a viewer who may do everything."""
    return lambda send: Conversation(cast(Session, session), send, max_text=100)


class FakeBundle:
    voices = ("plain",)
    motion = mesh = toy_space()


class FakeAvatar:
    """Makes fake sessions and keeps them for the test to look at."""

    bundle = FakeBundle()

    def __init__(self) -> None:
        self.alive = True
        self.obstacle: str | None = None
        self.sessions: list[FakeSession] = []
        self.asked: list[tuple[str | None, str | None]] = []

    async def session(
        self,
        portrait: str | None = None,
        voice: str | None = None,
        *,
        pictures: bool = True,
        settings: SessionSettings | None = None,
    ) -> FakeSession:
        self.asked.append((portrait, voice))
        self.sessions.append(FakeSession(f"session-{len(self.sessions) + 1}"))
        return self.sessions[-1]

    def as_avatar(self) -> Avatar:
        return cast("Avatar", self)
