"""A speech of a remote session."""

from __future__ import annotations

from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.protocol import ResponseDone
from jamflow_rt.stream.media import Playback, SpokenPhoneme, SpokenWord
from jamflow_rt.stream.speech import Speech


class RemoteSpeech(Speech):
    """Something a remote session says; a `Speech` whose account follows what the server tells.

    `words` and `phonemes` are those that have begun, `position` is what has come to us. When the
    speech has ended, all of it is what the server says.
    """

    def __init__(self, speech_id: str, text: str = "") -> None:
        super().__init__(speech_id, text)
        self.response_id: str | None = None
        """The server's name for it, once the server has taken it on."""
        self._final: ResponseDone | None = None

    @property
    def spoken_text(self) -> str:
        """The words that were heard to their end."""
        return super().spoken_text if self._final is None else self._final.spoken_text

    @property
    def unspoken_text(self) -> str:
        """The rest of `text`: from the first word on that was not heard to its end."""
        return super().unspoken_text if self._final is None else self._final.unspoken_text

    # What follows is for the session.

    def begin_word(self, word: SpokenWord) -> None:
        """A word begins in the frame that comes next."""
        self.schedule(0, (word,))
        self._come_to(word.start)

    def begin_phoneme(self, phoneme: SpokenPhoneme) -> None:
        """A phoneme begins in the frame that comes next."""
        self.schedule(0, (), (phoneme,))
        self._come_to(phoneme.start)

    def hear_frame(self) -> tuple[tuple[SpokenWord, ...], tuple[SpokenPhoneme, ...]]:
        """A frame of it came. Returns the words and phonemes that begin in it."""
        # The last frame comes after the account of the end, which counted it.
        if self._final is not None:
            self._heard -= 1
        return self.hear()

    def finish(self, done: ResponseDone) -> None:
        """The server says that it is over."""
        self._final = done
        self._heard = round(done.audio_end_ms * MOTION_RATE / 1000)
        self.end(interrupted=done.status != "completed" or self.error is not None)

    def give_up(self, error: Exception | None) -> Playback:
        """It is over and the server will not say so. Returns what was heard."""
        if not self.done:
            self.error = self.error or error
            self.end(interrupted=True)
        return self.playback()

    def _come_to(self, start: float) -> None:
        # Frames while the server waits for more text, or pauses, look like any others; so what was
        # counted is set right where a time is told.
        self._heard = int(start * MOTION_RATE + 1e-6)
