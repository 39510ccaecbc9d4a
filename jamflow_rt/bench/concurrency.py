"""How many sessions speak at once in real time on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import cycle
from time import perf_counter

from jamflow_rt.avatar import Avatar
from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.bench.encoding import FrameEncoder
from jamflow_rt.bench.figures import Bar, Figure
from jamflow_rt.bench.sentences import SENTENCES
from jamflow_rt.bench.subject import Subject
from jamflow_rt.stream.events import Event, Underrun
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.speech import Speech

MOTION_ONLY_BAR, VIDEO_BAR = 6, 2
"""Sessions at once; one of the two is enough."""
LATE = 0.08
"""Seconds after its time at which a frame is late: two frames, which a viewer's buffer holds."""
MOST_LATE, MOST_HELD = 0.01, 0.01
"""Share of late frames, and of pictures shown twice, with which a session still is in real time."""
_STAGGER = 7
"""Frames by which a session begins to speak after the one before it: people come one by one."""


@dataclass(slots=True)
class Tally:
    """What a number of sessions at once did."""

    sessions: int
    expected: int = 0
    """Frames that should have left."""
    frames: int = 0
    underruns: int = 0
    late: int = 0
    """Frames that left after their time, or not at all."""
    held: int = 0
    """Frames that left with the picture of the frame before."""
    spoken: int = 0
    """Frames in which somebody spoke."""

    @property
    def kept(self) -> bool:
        """True when all of it was in real time."""
        return (
            self.underruns == 0
            and self.late <= MOST_LATE * self.expected
            and self.held <= MOST_HELD * self.expected
        )

    @property
    def text(self) -> str:
        """For people."""
        return (
            f"{self.sessions}: {self.underruns} underruns, "
            f"{self.late / self.expected:.1%} late, {self.held / self.expected:.1%} held"
        )


@dataclass(slots=True)
class Search:
    """The numbers of sessions that were tried, upward, until one was too many."""

    tallies: list[Tally] = field(default_factory=list)

    @property
    def most(self) -> int:
        """The largest number that was in real time; 0 when none was."""
        return max((tally.sessions for tally in self.tallies if tally.kept), default=0)

    @property
    def note(self) -> str:
        """How the last numbers fared: the largest that did, and the one that was too many."""
        text = "; ".join(tally.text for tally in self.tallies[-2:])
        return text if not self.tallies[-1].kept else f"{text}; more were not tried"


def concurrency_figures(subject: Subject) -> list[Figure]:
    """Sessions at once without an underrun: motion only, with pictures, and encoded as well."""
    plan = subject.plan
    with subject.avatar() as avatar:
        motion = _search(subject, avatar, plan.motion_only)
        video = _search(subject, avatar, plan.video, pictures=True)
        encoded = _search(subject, avatar, plan.encoded, pictures=True, encode=True)
    seconds = f"sessions that speak at once for {plan.seconds:g} s"
    size = f"{plan.size} × {plan.size}"  # noqa: RUF001
    return either(
        _figure("motion_only", f"{seconds}, motion only", motion, Bar(MOTION_ONLY_BAR, True)),
        _figure("video", f"{seconds}, pictures {size}", video, Bar(VIDEO_BAR, True)),
    ) + [_figure("encoded", f"{seconds}, pictures encoded for a viewer each", encoded, None)]


def either(*figures: Figure) -> list[Figure]:
    """Figures of whose bars one is enough."""
    enough = any(figure.ok for figure in figures)
    return [replace(figure, made_up=enough) for figure in figures]


def find_most(counts: Sequence[int], attempt: Callable[[int], Tally]) -> Search:
    """Try the numbers in order until one is too many."""
    search = Search()
    for count in counts:
        search.tallies.append(attempt(count))
        if not search.tallies[-1].kept:
            break
    return search


async def speak_at_once(
    open_session: Callable[[], AbstractAsyncContextManager[Session]],
    count: int,
    seconds: float,
    *,
    encode: bool = False,
) -> Tally:
    """Let `count` sessions speak without a pause for so many seconds of wall time.

    Args:
        open_session: opens a session when it is entered.
        count: sessions.
        seconds: of wall time.
        encode: also encode the frames, as a viewer's connection does.
    """
    tally = Tally(count)
    async with AsyncExitStack() as stack:
        sessions: list[Session] = []
        for _ in range(count):
            sessions.append(await stack.enter_async_context(open_session()))
        await asyncio.gather(
            *(
                _speak(session, index * _STAGGER, seconds, tally, encode)
                for index, session in enumerate(sessions)
            )
        )
    return tally


async def _speak(
    session: Session, idle_frames: int, seconds: float, tally: Tally, encode: bool
) -> None:
    def listen(event: Event) -> None:
        tally.underruns += isinstance(event, Underrun)

    session.on_event(listen)
    expected = idle_frames + round(seconds * MOTION_RATE)
    texts = cycle(SENTENCES)
    speech: Speech | None = None
    encoder = FrameEncoder() if encode else None
    picture = None
    arrived = 0
    first = perf_counter()
    async for frame in session:
        now = perf_counter()
        if not arrived:
            first = now
        tally.late += now - first - arrived / MOTION_RATE > LATE
        arrived += 1
        tally.held += frame.picture is not None and frame.picture is picture
        tally.spoken += frame.speech_id is not None
        picture = frame.picture
        if arrived >= idle_frames and (speech is None or speech.started):
            # The next is said while this one sounds: there is no pause between them.
            speech = session.say(next(texts))
        if encoder is not None and picture is not None:
            await encoder(picture, frame.sound)
        if arrived >= expected or now - first >= expected / MOTION_RATE:
            break
    if encoder is not None:
        encoder.close()
    tally.expected += expected
    tally.frames += arrived
    # What did not come in time at all.
    tally.late += max(0, expected - arrived)


def _search(
    subject: Subject,
    avatar: Avatar,
    counts: Sequence[int],
    *,
    pictures: bool = False,
    encode: bool = False,
) -> Search:
    def attempt(count: int) -> Tally:
        return asyncio.run(
            speak_at_once(
                lambda: subject.session(avatar, pictures=pictures),
                count,
                subject.plan.seconds,
                encode=encode,
            )
        )

    return find_most(counts, attempt)


def _figure(key: str, name: str, search: Search, bar: Bar | None) -> Figure:
    return Figure(key=key, name=name, value=search.most, bar=bar, note=search.note)
