"""A session that notes what is asked of it, and a conversation that steers it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from jamflow_rt import protocol
from jamflow_rt.codec.pcm import check_pcm
from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.conversation import Conversation
from jamflow_rt.serve.greeting import Greeting
from jamflow_rt.stream import events
from jamflow_rt.stream.media import Playback, SpokenWord
from jamflow_rt.stream.session import Session
from tests.serve_fakes import FakeSession

GREETING = Greeting(voice="low", voices=("low", "high"), portraits=("mara", "broken"))
LATENTS = 7
"""Numbers of a frame of motion."""


@dataclass
class SteeredSpeech:
    id: str
    text: str | AsyncIterable[str]
    position: float = 0.0
    words: tuple[SpokenWord, ...] = ()


@dataclass
class SteeredSession(FakeSession):
    """Takes everything a session takes; `calls` holds what it took besides texts."""

    speeches: list[SteeredSpeech] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    heard: list[np.ndarray] = field(default_factory=list)
    pushed: SteeredSpeech | None = None
    fails: Exception | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def say(self, text: str | AsyncIterable[str], *, mode: str = "queue") -> SteeredSpeech:
        if self.fails is not None:
            raise self.fails
        if isinstance(text, str) and not text.strip():
            raise InvalidInput("There is nothing to say: the text is empty.")
        if mode == "interrupt":
            self._stop()
        self.said.append(text)
        return self._add(text)

    def push_audio(self, pcm: np.ndarray, sample_rate: int) -> SteeredSpeech:
        check_pcm(pcm, sample_rate)
        self.calls.append(("push_audio", pcm.tolist(), sample_rate))
        self.pushed = self.pushed or self._add("")
        return self.pushed

    def push_motion(self, motion: np.ndarray) -> SteeredSpeech:
        if motion.ndim != 2 or motion.shape[1] != LATENTS or not np.isfinite(motion).all():
            raise InvalidInput(f"Motion of shape {motion.shape} does not fit.")
        self.calls.append(("push_motion", motion.tolist()))
        self.pushed = self.pushed or self._add("")
        return self.pushed

    def flush(self) -> SteeredSpeech | None:
        self.calls.append(("flush",))
        pushed, self.pushed = self.pushed, None
        return pushed

    def hear(self, pcm: np.ndarray, sample_rate: int) -> None:
        check_pcm(pcm, sample_rate)
        self.heard.append(pcm)

    async def update(self, **changes: Any) -> None:
        if changes.get("portrait") == "broken":
            raise InvalidInput("The portrait cannot be opened.")
        self.calls.append(("update", {k: v for k, v in changes.items() if v is not None}))

    def listen(self) -> None:
        self.calls.append(("listen",))

    def idle(self) -> None:
        self.calls.append(("idle",))

    def pause(self) -> None:
        self.calls.append(("pause",))

    def resume(self) -> None:
        self.calls.append(("resume",))

    async def interrupt(self) -> Playback:
        self.interrupts += 1
        self._stop()
        return Playback(None, 0.0, "")

    def _add(self, text: str | AsyncIterable[str]) -> SteeredSpeech:
        self.speeches.append(SteeredSpeech(f"speech-{len(self.speeches) + 1}", text))
        self._queue.append((self.speeches[-1].id, []))
        return self.speeches[-1]

    def _stop(self) -> None:
        self.pushed = None
        ended, self._queue = self._queue, []
        for speech_id, _ in ended:
            self.emit(events.SpeechInterrupted(0.0, speech_id, Playback(speech_id, 0.0, "")))


class Talk:
    """A conversation under test: what the client sends, and what it got."""

    def __init__(self, **options: Any) -> None:
        self.session = SteeredSession()
        self.got: list[protocol.ServerEvent] = []
        self.conversation = Conversation(
            cast(Session, self.session),
            lambda text: self.got.append(protocol.parse_server_event(text)),
            max_text=200,
            **options,
        )
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Talk:
        self._task = asyncio.create_task(self.conversation.run())
        await settle()
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._task is not None
        assert not self._task.done(), "the conversation broke"
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def send(self, kind: str, **fields: Any) -> list[protocol.ServerEvent]:
        """Send an event; returns what came of it."""
        before = len(self.got)
        self.conversation.receive(json.dumps({"type": kind, **fields}))
        await settle()
        return self.got[before:]

    def types(self) -> list[str]:
        return [event.type for event in self.got]


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(8):
        await asyncio.sleep(0)


def error_of(answer: list[protocol.ServerEvent]) -> protocol.ErrorEvent:
    """The error that is all of an answer."""
    assert len(answer) == 1
    assert isinstance(answer[0], protocol.ErrorEvent)
    return answer[0]


def base64_of(samples: list[int]) -> str:
    """Samples as events carry them."""
    return base64.b64encode(np.array(samples, "<i2").tobytes()).decode()
