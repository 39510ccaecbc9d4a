"""TextFront: from text to a Timeline, whole and ready to be generated."""

from __future__ import annotations

from typing import Final

from jamflow_rt.beats import MEL_RATE
from jamflow_rt.config import Voice
from jamflow_rt.text.characters import written_words
from jamflow_rt.text.durations import DurationPredictor
from jamflow_rt.text.pauses import split_pauses
from jamflow_rt.text.phonemes import PUNCTUATION, SILENCE, Phonemizer, symbol_ids
from jamflow_rt.text.timeline import Timeline

_LEAD: Final = 4
"""Silent mel frames before the first phoneme: room for its onset, no more (it is latency)."""
_RING_OUT: Final = 8
"""Silent mel frames after a last phoneme that no mark follows."""
_LEAST_PAUSE: Final = 8
_LONGEST_PAUSE: Final = 48
"""Bounds, in mel frames, of the silence after a sentence (half a second at most)."""
ANY_VOICE: Final = Voice(name="any")
_SENTENCE_MARKS: Final = frozenset('.!?…"”)')


class TextFront:
    """Text in, Timeline out. Immutable; shared by all sessions."""

    def __init__(self, phonemizer: Phonemizer, predictor: DurationPredictor) -> None:
        self._phonemizer = phonemizer
        self._predictor = predictor

    def check(self, text: str) -> None:
        """Refuse a text that cannot be read.

        Raises:
            InvalidInput: it has letters of another script.
        """
        written_words(text)

    def timeline(self, text: str, speed: float = 1.0, voice: Voice = ANY_VOICE) -> Timeline:
        """Everything that is said in `text`, and when.

        `text` may be several sentences or a piece of one, such as `ClauseSplitter` cuts, with
        pauses in it: `[pause:0.5]` is half a second of silence. A short silence precedes it;
        silence after it fills the last beat.

        Args:
            text: what the user wrote.
            speed: 2 is twice as fast; 0.25…4.
            voice: who says it: how words are read, and how long sounds are held.

        Raises:
            InvalidInput: there is nothing to say in it, it has letters of another script, or
                `speed` or a pause is out of range.
        """
        parts = [
            Timeline.silence(round(part * MEL_RATE))
            if isinstance(part, float)
            else self._stretch(part, speed, voice)
            for part in split_pauses(text) or [text]
        ]
        return Timeline.joined(parts).padded()

    def _stretch(self, text: str, speed: float, voice: Voice) -> Timeline:
        script = self._phonemizer(text, voice.british)
        durations: list[int] = []
        silence = 0
        for sentence in script.phonemes.split(SILENCE):
            ids = [0, *symbol_ids(sentence), 0]
            before, *frames, after = self._predictor.frames(ids, speed, voice.number)
            if durations:  # one silence closes a sentence and opens the next
                durations.append(_pause(silence + before, speed))
            durations += frames
            silence = after
        last = script.phonemes[-1]
        if last in _SENTENCE_MARKS:
            trail = _pause(silence, speed)
        else:  # mid-sentence a clause mark is pause enough
            trail = 0 if last in PUNCTUATION else _RING_OUT
        return Timeline.of(script, durations, lead=_LEAD, trail=trail)


def _pause(frames: int, speed: float) -> int:
    return max(_LEAST_PAUSE, min(frames, round(_LONGEST_PAUSE / speed)))
