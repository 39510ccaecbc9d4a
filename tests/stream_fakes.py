"""A stage without a model: every part of a session, repeatable and without real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, TypeVar, cast

import numpy as np

from jamflow_rt.beats import BEAT_MEL, HOP, N_MELS
from jamflow_rt.codec.face import N_LANDMARKS, FaceState
from jamflow_rt.codec.motion import POSE_SIZE, MotionSpace
from jamflow_rt.codec.vocoder import Vocoder
from jamflow_rt.codec.whitening import SILENCE
from jamflow_rt.config import Voice, WindowConfig
from jamflow_rt.errors import Failed, InvalidInput
from jamflow_rt.flow.window import Window, WindowResult
from jamflow_rt.stream.clock import MediaClock
from jamflow_rt.stream.engine import Engine
from jamflow_rt.stream.media import Frame
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.playout import Painter, Playout
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.settings import SessionSettings
from jamflow_rt.stream.studio import PortraitLike, Studio
from jamflow_rt.stream.windows import WindowPlanner
from jamflow_rt.text.characters import written_words
from jamflow_rt.text.front import ANY_VOICE, TextFront
from jamflow_rt.text.phonemes import SILENCE as SILENCE_SYMBOL
from jamflow_rt.text.timeline import PhonemeSpan, Timeline, WordSpan

T = TypeVar("T")
STEPS = 3
WINDOWS = WindowConfig(prefix=4, growth=(2, 4, 8), look_ahead=1)


def toy_space() -> MotionSpace:
    """A motion space of 2 mouth numbers, 1 of the eyes, and the pose."""
    rng = np.random.default_rng(0)
    size = 3 + POSE_SIZE

    def random(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    return MotionSpace(
        average=random(N_LANDMARKS, 3),
        mouth=random(2, N_LANDMARKS, 3),
        eyes=random(1, N_LANDMARKS, 3),
        brows=np.zeros((0, N_LANDMARKS, 3), np.float32),
        pose_mean=np.zeros(POSE_SIZE, np.float32),
        pose_std=np.full(POSE_SIZE, 0.1, np.float32),
        rest=np.zeros(size, np.float32),
    )


class FakeRun:
    def __init__(self, window: Window) -> None:
        self.window = window
        self.step = 0
        self.broken = False

    @property
    def done(self) -> bool:
        return self.step >= STEPS

    def result(self) -> WindowResult:
        """Sound says the phoneme's id, motion counts on from the prefix."""
        window = self.window
        mel = window.mel.copy()
        made = window.mel_masked
        mel[made] = np.where(window.text[made] > 0, window.text[made], SILENCE)[:, None]
        motion = window.motion.copy()
        free = window.motion_masked[:, 0]
        first = int(np.argmax(free))
        motion[free] = motion[first - 1] + np.arange(1, free.sum() + 1)[:, None] * 0.01
        if self.broken:
            mel[-1] = np.nan
        return WindowResult(mel, motion)


class FakeSampler:
    """Records which windows share a step. `break_at` makes the n-th started window return NaN."""

    def __init__(self, break_at: int | None = None) -> None:
        self.batches: list[list[FakeRun]] = []
        self.started: list[Window] = []
        self.prepared: list[int] = []
        self.break_at = break_at

    def start(self, window: Window) -> FakeRun:
        run = FakeRun(window)
        run.broken = len(self.started) == self.break_at
        self.started.append(window)
        return run

    def prepare(self, window: Window) -> None:
        self.prepared.append(window.beats)

    def advance(self, runs: Sequence[FakeRun]) -> None:
        self.batches.append(list(runs))
        for run in runs:
            run.step += 1


class FakeVocoder:
    """The sound of a mel frame is its first number, a hundredth of it; silence is zero."""

    right = 3

    def decode(self, mel: np.ndarray) -> np.ndarray:
        level = np.where(mel[:, 0] == np.float32(SILENCE), 0.0, mel[:, 0] / 100)
        return np.repeat(level, HOP).astype(np.float32)

    def stream(self) -> FakeVocoder:
        return self

    def push(self, mel: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        assert mel.shape[1] == ahead.shape[1] == N_MELS
        return self.decode(mel)


class InlineEngine:
    """Samples at once, where it is asked to."""

    alive = True

    def __init__(self, sampler: FakeSampler | None = None) -> None:
        self.sampler = sampler or FakeSampler()
        self.dead = False
        self.held: list[Callable[[], None]] | None = None

    def estimate(self, beats: int) -> float:
        return 0.01 * beats

    def submit(
        self, window: Window, deadline: float, finish: Callable[[WindowResult], T]
    ) -> Future[T]:
        if self.dead:
            raise Failed("The engine is not running.")
        future: Future[T] = Future()
        if self.held is None:
            self._sample(window, finish, future)
        else:
            self.held.append(lambda: self._sample(window, finish, future))
        return future

    def hold(self) -> None:
        """Keep windows waiting until `release`."""
        self.held = []

    def release(self) -> None:
        waiting, self.held = self.held or [], None
        for work in waiting:
            work()

    def _sample(
        self, window: Window, finish: Callable[[WindowResult], T], future: Future[T]
    ) -> None:
        if not future.set_running_or_notify_cancel():
            return
        run = self.sampler.start(window)
        result = run.result()
        if result.finite:
            future.set_result(finish(result))
        else:
            future.set_exception(Failed("The network produced numbers that are not finite."))


class FlatRenderer:
    """Pictures of one grey, which tells whose they are."""

    def __init__(self, size: int, portrait: str) -> None:
        self.size = size
        self.grey = sum(portrait.encode()) % 256

    def render(self, face: FaceState) -> np.ndarray:
        return np.full((self.size, self.size, 3), self.grey, np.uint8)


VOICES = {"low": Voice(name="low", number=1), "high": Voice(name="high", number=2)}


def find_voice(name: str | None) -> Voice:
    if name not in VOICES:
        raise InvalidInput(f"There is no voice {name!r}; there are low, high.")
    return VOICES[name]


class InlineExecutor(Executor):
    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class FakeFront:
    """Every letter is a phoneme of 5 mel frames; 2 silent frames before, 5 at least after."""

    check = staticmethod(written_words)

    def timeline(self, text: str, speed: float = 1.0, voice: Voice = ANY_VOICE) -> Timeline:
        if "broken" in text:
            raise InvalidInput("This text is broken.")
        spans, words, at = [PhonemeSpan(SILENCE_SYMBOL, 0, 2)], [], 2
        for word in text.split():
            words.append(WordSpan(word, at, at + 5 * len(word)))
            for _letter in word:
                spans.append(PhonemeSpan("a", at, at + 5))
                at += 5
        end = -(-(at + 5) // BEAT_MEL) * BEAT_MEL
        spans.append(PhonemeSpan(SILENCE_SYMBOL, at, end))
        return FakeTimeline(tuple(spans), tuple(words), end)


class FakeTimeline(Timeline):
    def ids(self) -> np.ndarray:
        ids = np.zeros(self.frames, np.int32)
        for index, span in enumerate(self.phonemes):
            if span.symbol != SILENCE_SYMBOL:
                ids[span.start : span.end] = index
        return ids

    def padded(self) -> Timeline:
        return self


class FakeTime:
    """Time that passes only when somebody sleeps, and lets everybody else work first."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        for _ in range(12):
            await asyncio.sleep(0)
        self.seconds += seconds

    def clock(self) -> MediaClock:
        return MediaClock(self.now, self.sleep)


class Stage:
    """A session and what it stands on."""

    def __init__(
        self,
        engine: InlineEngine | None = None,
        settings: SessionSettings | None = None,
        pictures: bool = False,
    ) -> None:
        self.engine = engine or InlineEngine()
        self.time = FakeTime()
        self.events: list[Any] = []
        self.left: list[Session] = []
        space = toy_space()
        self.performance = Performance(space, FakeVocoder(), WindowPlanner(WINDOWS, idle=4), seed=1)
        executor = InlineExecutor()
        painter = Painter(FlatRenderer(64, "first"), executor) if pictures else None
        self.playout = Playout(self.time.clock(), painter, space.decode(space.rest[None])[0])
        planner = WindowPlanner(WINDOWS, idle=4)
        self.studio = Studio(
            engine=cast(Engine, self.engine),
            front=cast(TextFront, FakeFront()),
            space=space,
            vocoder=cast(Vocoder, FakeVocoder()),
            planner=planner,
            executor=executor,
            voices=tuple(VOICES.values()),
            find_voice=find_voice,
            open_painter=self._open_painter,
        )
        self.session = Session(
            "s",
            self.studio,
            self.performance,
            self.playout,
            ANY_VOICE,
            settings or SessionSettings(),
            64,
            on_close=self.left.append,
        )
        self.session.on_event(self.events.append)

    def _open_painter(self, portrait: PortraitLike | None, size: int) -> Painter:
        if portrait == "broken":
            raise InvalidInput("There is no such portrait.")
        return Painter(FlatRenderer(size, str(portrait)), self.studio.executor)

    async def frames(self, count: int) -> list[Frame]:
        """The next frames."""
        return [await anext(self.session) for _ in range(count)]

    async def until(self, done: Callable[[], bool], limit: int = 2000) -> list[Frame]:
        """Frames until something has happened."""
        frames: list[Frame] = []
        while not done():
            frames.append(await anext(self.session))
            assert len(frames) < limit, "it never happened"
        return frames

    def of(self, kind: type[T]) -> list[T]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


async def tokens(*parts: str, pause: int = 0) -> AsyncIterator[str]:
    """A token stream that gives others `pause` turns between two tokens."""
    for part in parts:
        for _ in range(pause):
            await asyncio.sleep(0)
        yield part
