"""CharacterFront: from text to a Timeline for models that read characters, as F5-TTS does.

Such a model is told what is said and how long that takes, not what sounds when: it aligns the text
by itself, within one phrase. A phrase's characters are spread evenly over its frames here; the
network gathers them again, and what is said when is known only roughly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from jamflow_rt.beats import BEAT_MEL, MEL_RATE, beats_for_mel
from jamflow_rt.config import Voice
from jamflow_rt.errors import InvalidInput
from jamflow_rt.text.characters import speakable, word_spans
from jamflow_rt.text.front import ANY_VOICE
from jamflow_rt.text.pace import split_phrases, spoken_frames
from jamflow_rt.text.pauses import split_pauses, without_pauses
from jamflow_rt.text.timeline import Timeline, WordSpan

SLOWEST, FASTEST = 0.25, 4.0
"""Bounds of the speed."""


class Vocabulary(Protocol):
    """Characters → numbers."""

    def ids(self, text: str) -> NDArray[np.int32]:
        """(n,) numbers of the vocabulary, from 1; 0 is filler."""
        ...

    def knows(self, character: str) -> bool:
        """Whether a character is read as something."""
        ...


class Spoken(NamedTuple):
    """A reference: what is said in it, and how long that takes."""

    text: str
    frames: int
    """Mel frames."""


@dataclass(frozen=True, slots=True)
class Phrase(Timeline):
    """A phrase: characters spread over the frames it takes; it has no phonemes."""

    characters: tuple[int, ...] = ()
    """Numbers of the vocabulary, 0 is filler."""

    def ids(self) -> NDArray[np.int32]:
        """(frames,) a character where one is, 0 elsewhere."""
        return spread(np.array(self.characters, np.int32), self.frames)

    def padded(self) -> Phrase:
        """The same over whole beats."""
        return replace(self, frames=self.beats * BEAT_MEL)


def spread(characters: NDArray[np.int32], frames: int) -> NDArray[np.int32]:
    """Characters (n,) evenly over (frames,), in order, 0 between them.

    Raises:
        InvalidInput: there are more characters than frames.
    """
    if len(characters) > frames:
        raise InvalidInput(
            f"{len(characters)} characters do not fit into {frames / MEL_RATE:.2f} s of speech: "
            "speak slower."
        )
    ids = np.zeros(frames, np.int32)
    ids[np.arange(len(characters)) * frames // max(1, len(characters))] = characters
    return ids


class CharacterFront:
    """Text in, phrases out. Immutable; shared by all sessions.

    Args:
        vocabulary: characters → numbers.
        reference: what the reference of a voice says; its pace is taken over.
    """

    def __init__(self, vocabulary: Vocabulary, reference: Callable[[Voice], Spoken]) -> None:
        self.vocabulary = vocabulary
        self._reference = reference

    def check(self, text: str) -> None:
        """Refuse a text of whose letters the vocabulary has none; single ones are passed over.

        Raises:
            InvalidInput: it is such a text.
        """
        letters = [character for character in without_pauses(text) if character.isalnum()]
        if letters and not any(map(self.vocabulary.knows, letters)):
            raise InvalidInput(
                f"The model's vocabulary has none of the letters of {text[:40]!r}: it was not "
                "trained on this script."
            )

    def timeline(self, text: str, speed: float = 1.0, voice: Voice = ANY_VOICE) -> Timeline:
        """All phrases and pauses of `text` in a row; see `phrases`."""
        return Timeline.joined(self.phrases(text, speed, self._reference(voice)))

    def phrases(self, text: str, speed: float, spoken: Spoken) -> list[Timeline]:
        """What is said in `text`, in whole beats: `Phrase`s, and silence where a pause is.

        Args:
            text: what the user wrote.
            speed: 2 is twice as fast; 0.25…4.
            spoken: gives the pace.

        Raises:
            InvalidInput: there is nothing to say in it, or `speed` or a pause is out of range.
        """
        if not SLOWEST <= speed <= FASTEST:
            raise InvalidInput(f"speed is between {SLOWEST} and {FASTEST:g}, not {speed!r}.")
        made: list[Timeline] = []
        for part in split_pauses(text) or [text]:
            if isinstance(part, float):
                made.append(Timeline.silence(round(part * MEL_RATE)).padded())
                continue
            phrases = split_phrases(part, spoken.text, spoken.frames, speed)
            made += [self._phrase(phrase, spoken, speed) for phrase in phrases if speakable(phrase)]
        if not any(isinstance(timeline, Phrase) for timeline in made):
            raise InvalidInput("There is nothing to say in the text: give at least one word.")
        return made

    def fitted(self, text: str, frames: int, before: str = "") -> Phrase:
        """A text as one phrase of so many mel frames, a whole number of beats: for dubbing.

        Args:
            text: what is said.
            frames: how long that takes.
            before: what the reference says, which is read before it.

        Raises:
            InvalidInput: there are more characters than frames.
        """
        characters = self._read(text, before)
        spread(characters, frames)
        return Phrase((), _words(text, frames), frames, tuple(int(c) for c in characters))

    def _phrase(self, text: str, spoken: Spoken, speed: float) -> Phrase:
        frames = spoken_frames(spoken.frames, spoken.text, text, speed)
        # Otherwise a character would be lost; the reference speaks faster than there are frames.
        frames = max(frames, len(self._read(text, spoken.text)))
        return self.fitted(text, beats_for_mel(frames) * BEAT_MEL, spoken.text)

    def _read(self, text: str, before: str) -> NDArray[np.int32]:
        """Numbers of a text; a space comes first where F5-TTS puts one after what is before."""
        last = before[-1:]
        return self.vocabulary.ids(last + text)[len(self.vocabulary.ids(last)) :]


def _words(text: str, frames: int) -> tuple[WordSpan, ...]:
    """Words share a phrase's time by their letters: a guess, the model tells no times."""
    length = max(1, len(text))
    return tuple(
        WordSpan(text[start:end], start * frames // length, end * frames // length)
        for start, end in word_spans(text)
    )
