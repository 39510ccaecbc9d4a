"""The books of a long conversation: what left a session, against what should have."""

from __future__ import annotations

from collections import Counter

from jamflow_rt.beats import MOTION_RATE, SAMPLE_RATE
from jamflow_rt.stream.events import (
    Event,
    SpeechFinished,
    SpeechInterrupted,
    SpeechStarted,
    Underrun,
    WordSpoken,
)
from jamflow_rt.stream.media import Frame
from jamflow_rt.stream.speech import Speech


class Ledger:
    """Keeps account of one session. Give it every speech, event and frame, in order."""

    def __init__(self) -> None:
        self.frames = 0
        self.samples = 0
        self.spoken_words = 0
        self.underruns = 0
        self.clock_error = 0.0
        """Most by which a frame's time was not the length of the sound before it, in seconds."""
        self.word_error = 0.0
        """Most by which a word's start lay outside the frame it was told with, in seconds."""
        # Each speech by its id; of one that is over only when its words begin: thousands of them
        # shall not look like a leak of the session's.
        self._asked: dict[str, Speech | tuple[float, ...]] = {}
        self._starts: Counter[str] = Counter()
        self._ends: Counter[str] = Counter()
        self._words: Counter[str] = Counter()
        # Frames of each speech that left.
        self._heard: Counter[str] = Counter()
        # Words told since the last frame: events come before the frame they tell of.
        self._told: list[WordSpoken] = []

    @property
    def speeches(self) -> int:
        """Speeches that were asked for."""
        return len(self._asked)

    @property
    def drift(self) -> float:
        """Seconds by which sound and faces differ in length."""
        return abs(self.samples / SAMPLE_RATE - self.frames / MOTION_RATE)

    def ask(self, speech: Speech) -> None:
        """This is to be said."""
        for known in self._asked.values():
            if isinstance(known, Speech) and known.done:
                self._asked[known.id] = _word_starts(known)
        self._asked[speech.id] = speech

    def event(self, event: Event) -> None:
        """The session told this."""
        match event:
            case SpeechStarted():
                self._starts[event.speech_id] += 1
            case SpeechFinished() | SpeechInterrupted():
                self._ends[event.speech_id] += 1
            case WordSpoken():
                self._words[event.speech_id] += 1
                self._told.append(event)
            case Underrun():
                self.underruns += 1

    def frame(self, frame: Frame) -> None:
        """This left the session."""
        self.clock_error = max(self.clock_error, abs(frame.time - self.samples / SAMPLE_RATE))
        self.frames += 1
        self.samples += len(frame.sound)
        if frame.speech_id is not None:
            self._heard[frame.speech_id] += 1
        for word in self._told:
            end = self._heard[word.speech_id] / MOTION_RATE
            early, late = word.start - end, end - 1 / MOTION_RATE - word.start
            self.word_error = max(self.word_error, early, late)
        self.spoken_words += len(self._told)
        self._told.clear()

    def faults(self) -> list[str]:
        """What was lost or came twice, once everything has ended; empty when all is well."""
        found = []
        for speech_id, known in self._asked.items():
            starts = _word_starts(known) if isinstance(known, Speech) else known
            heard = self._heard[speech_id] / MOTION_RATE
            for what, count, expected in (
                ("end", self._ends[speech_id], 1),
                ("start", self._starts[speech_id], int(heard > 0)),
                ("word", self._words[speech_id], sum(start < heard for start in starts)),
            ):
                if count != expected:
                    found.append(f"{speech_id}: {count} {what} events, {expected} expected")
        for speech_id in sorted((set(self._ends) | set(self._heard)) - set(self._asked)):
            found.append(f"{speech_id}: nobody asked for it")
        return found


def _word_starts(speech: Speech) -> tuple[float, ...]:
    return tuple(word.start for word in speech.words)
