"""A speech: something a session says, and the account of what was heard of it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable

from jamflow_rt.beats import BEAT_MOTION, BEAT_SECONDS, MOTION_RATE
from jamflow_rt.stream.media import Playback, SpokenWord


class Speech:
    """Something a session says. Made by `session.say()` and `session.push_audio()`.

    Its times are seconds of its own sound: a wait for text or sound that comes late is not counted.
    """

    def __init__(self, speech_id: str, text: str = "") -> None:
        self.id = speech_id
        self.text = text
        """What is to be said, as far as it is known; of a token stream, what has come in."""
        self.interrupted = False
        """True when it ended before its end."""
        self.error: Exception | None = None
        """What went wrong, if anything did."""
        self._words: list[SpokenWord] = []
        # Words that began to sound; they are told in order.
        self._told = 0
        # Beats scheduled and motion frames heard so far.
        self._beats = 0
        self._heard = 0
        # True when nothing more will be scheduled.
        self._complete = False
        self._ended = asyncio.Event()

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= 40 else self.text[:39] + "…"
        return f"<Speech {self.id} {text!r} {self.position:.2f} s heard>"

    @property
    def words(self) -> tuple[SpokenWord, ...]:
        """Every word whose time is known, heard or not, from the speech's first sound."""
        return tuple(self._words)

    @property
    def position(self) -> float:
        """Seconds heard so far."""
        return self._heard / MOTION_RATE

    @property
    def spoken_text(self) -> str:
        """The words that were heard to their end."""
        position = self.position + 1e-6
        return " ".join(word.text for word in self._words if word.end <= position)

    @property
    def started(self) -> bool:
        """True when its first frame has left the session."""
        return self._heard > 0

    @property
    def done(self) -> bool:
        """True when it was heard to its end, interrupted, or failed."""
        return self._ended.is_set()

    def playback(self) -> Playback:
        """What was heard until now."""
        return Playback(self.id, self.position, self.spoken_text)

    def __await__(self) -> Generator[object, None, Playback]:
        """Wait for the end; an interruption is an end too. Raises `error` when there was one."""
        yield from self._ended.wait().__await__()
        if self.error is not None:
            raise self.error
        return self.playback()

    # What follows is for the session.

    @property
    def scheduled(self) -> float:
        """Seconds known so far."""
        return self._beats * BEAT_SECONDS

    @property
    def heard_out(self) -> bool:
        """True when nothing is left to be heard and nothing more will come."""
        return self._complete and self._heard >= self._beats * BEAT_MOTION

    def schedule(self, beats: int, words: Iterable[SpokenWord] = ()) -> None:
        """`beats` more will sound, with `words` at their times in them."""
        offset = self.scheduled
        self._words += [SpokenWord(w.text, offset + w.start, offset + w.end) for w in words]
        self._beats += beats

    def complete(self) -> None:
        """Nothing more will be scheduled."""
        self._complete = True

    def hear(self) -> list[SpokenWord]:
        """One frame of it left the session. Returns the words that begin in it."""
        self._heard += 1
        begun = []
        while self._told < len(self._words) and self._words[self._told].start < self.position:
            begun.append(self._words[self._told])
            self._told += 1
        return begun

    def end(self, interrupted: bool) -> None:
        """It is over."""
        self.interrupted = interrupted
        self._ended.set()
