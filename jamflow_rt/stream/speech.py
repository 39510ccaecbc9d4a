"""A speech: something a session says, and the account of what was heard of it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Sequence
from typing import TypeVar

from jamflow_rt.beats import BEAT_MOTION, BEAT_SECONDS, MOTION_RATE
from jamflow_rt.stream.media import Playback, SpokenPhoneme, SpokenWord

_ROUNDING = 1e-6
_AFTER_WORDS = " \n\t,.;:!?…"
"""What may stand between a word and the next; it was said with the word before it."""
_T = TypeVar("_T", SpokenWord, SpokenPhoneme)


class Speech:
    """Something a session says. Made by `say`, `push_audio`, `push_motion` and `dub`.

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
        self._phonemes: list[SpokenPhoneme] = []
        # Those of them that began to sound; they are told in order, and once.
        self._told_words = 0
        self._told_phonemes = 0
        # Beats scheduled and motion frames heard so far.
        self._beats = 0
        self._heard = 0
        self._started = False
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
    def phonemes(self) -> tuple[SpokenPhoneme, ...]:
        """Every phoneme whose time is known, heard or not, from the speech's first sound."""
        return tuple(self._phonemes)

    @property
    def spoken_words(self) -> tuple[SpokenWord, ...]:
        """The words that were heard to their end."""
        position = self.position + _ROUNDING
        return tuple(word for word in self._words if word.end <= position)

    @property
    def spoken_text(self) -> str:
        """The words that were heard to their end."""
        return " ".join(word.text for word in self.spoken_words)

    @property
    def unspoken_text(self) -> str:
        """The rest of `text`: from the first word on that was not heard to its end."""
        place = 0
        for word in self.spoken_words:
            found = self.text.find(word.text, place)
            if found >= 0:
                place = found + len(word.text)
        return self.text[place:].lstrip(_AFTER_WORDS)

    @property
    def started(self) -> bool:
        """True when its first frame has left the session."""
        return self._started

    @property
    def done(self) -> bool:
        """True when it was heard to its end, interrupted, or failed."""
        return self._ended.is_set()

    def playback(self) -> Playback:
        """What was heard until now."""
        return Playback(
            self.id, self.position, self.spoken_text, self.spoken_words, self.unspoken_text
        )

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

    @property
    def beats(self) -> int:
        """Beats known so far."""
        return self._beats

    def schedule(
        self,
        beats: int,
        words: Iterable[SpokenWord] = (),
        phonemes: Iterable[SpokenPhoneme] = (),
    ) -> None:
        """`beats` more will sound, with `words` and `phonemes` at their times in them."""
        at = self.scheduled
        self._words += [SpokenWord(w.text, at + w.start, at + w.end) for w in words]
        self._phonemes += [SpokenPhoneme(p.symbol, at + p.start, at + p.end) for p in phonemes]
        self._beats += beats

    def complete(self) -> None:
        """Nothing more will be scheduled."""
        self._complete = True

    def hear(self) -> tuple[tuple[SpokenWord, ...], tuple[SpokenPhoneme, ...]]:
        """One frame of it left the session. Returns the words and phonemes that begin in it."""
        self._heard += 1
        self._started = True
        words = _begun(self._words, self._told_words, self.position)
        phonemes = _begun(self._phonemes, self._told_phonemes, self.position)
        self._told_words += len(words)
        self._told_phonemes += len(phonemes)
        return words, phonemes

    def beat_to_resume(self) -> int:
        """The beat from which to say it again after a pause: that of the word being said."""
        begun = [word.start for word in self._words if word.start < self.position]
        start = begun[-1] if len(begun) > len(self.spoken_words) else self.position
        return int((start + _ROUNDING) / BEAT_SECONDS)

    def go_back(self, beat: int) -> None:
        """What was heard from this beat on will be heard again."""
        self._heard = min(self._heard, beat * BEAT_MOTION)

    def end(self, interrupted: bool) -> None:
        """It is over."""
        self.interrupted = interrupted
        self._ended.set()


def _begun(spans: Sequence[_T], told: int, position: float) -> tuple[_T, ...]:
    """Those after the first `told` that begin before `position`."""
    end = told
    while end < len(spans) and spans[end].start < position:
        end += 1
    return tuple(spans[told:end])
