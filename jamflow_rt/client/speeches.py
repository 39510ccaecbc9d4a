"""The speeches of a remote session, as the server tells of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from jamflow_rt import protocol
from jamflow_rt.client.events import RemoteEvent
from jamflow_rt.client.speech import RemoteSpeech
from jamflow_rt.errors import Failed, JamflowError
from jamflow_rt.stream import events
from jamflow_rt.stream.media import SpokenPhoneme, SpokenWord


class Speeches:
    """Keeps those that have not ended, and tells the listeners how they go.

    Args:
        tell: takes events for the listeners.
        now: seconds on the session's media clock.
    """

    def __init__(self, tell: Callable[[RemoteEvent], None], now: Callable[[], float]) -> None:
        self._tell, self._now = tell, now
        self._count = count(1)
        # In the order of their asking, by our names for them; and those that the server has taken
        # on, by its names.
        self._open: dict[str, RemoteSpeech] = {}
        self._responses: dict[str, RemoteSpeech] = {}
        # True when the last frame of the one that sounds comes next.
        self._stopping = False
        # An error of the server about no event of ours: about the response that fails next.
        self._told_error: JamflowError | None = None
        # Those that were asked for over a socket that was lost, until we know more.
        self._doubtful: tuple[RemoteSpeech, ...] = ()
        self.sounding: RemoteSpeech | None = None
        """The one whose sound comes now."""

    # What we do

    def new(self, text: str) -> RemoteSpeech:
        """Begin one."""
        speech = RemoteSpeech(f"speech-{next(self._count)}", text)
        self._open[speech.id] = speech
        return speech

    def forget(self, speech: RemoteSpeech) -> None:
        """It could not be asked for; nobody is told of it."""
        del self._open[speech.id]

    def get(self, speech_id: str | None) -> RemoteSpeech | None:
        """The one that we gave this name, unless it has ended."""
        return self._open.get(speech_id or "")

    def first(self) -> RemoteSpeech | None:
        """The one that is being said, or is next."""
        return next(iter(self._open.values()), None)

    def drop(self, speech: RemoteSpeech) -> None:
        """It ends without the server."""
        if not speech.done:
            speech.give_up(None)
            self._leave(speech)

    def end(self, error: JamflowError | None) -> None:
        """All of them end: the session has."""
        for speech in list(self._open.values()):
            speech.error = speech.error or error
            self.drop(speech)

    # What the server tells

    def accept(self, event: protocol.ResponseCreated, unnamed: RemoteSpeech | None) -> None:
        """The server has taken one on.

        Args:
            event: which one.
            unnamed: the one that is meant when the event does not name any.
        """
        speech = self.get(event.event_id) or unnamed
        if speech is None:
            return  # it ended here in the meantime
        speech.response_id = event.response_id
        self._responses[event.response_id] = speech

    def start(self, event: protocol.OutputAudioStarted) -> None:
        """Its first frame comes next."""
        self.sounding = self._responses.get(event.response_id)
        self._stopping = False
        if self.sounding is not None:
            self._tell(events.SpeechStarted(self._now(), self.sounding.id))

    def stop(self) -> None:
        """The last frame of the one that sounds comes next."""
        self._stopping = True

    def clear(self) -> None:
        """The one that sounds was broken off."""
        self.sounding = None

    def begin_word(self, event: protocol.TranscriptDelta) -> None:
        """A word begins in the frame that comes next."""
        speech = self._responses.get(event.response_id)
        if speech is None:
            return
        word = SpokenWord(event.delta, event.start_ms / 1000, event.end_ms / 1000)
        speech.begin_word(word)
        told = events.WordSpoken(self._now(), speech.id, word.text, word.start, word.end)
        self._tell(told)

    def begin_phoneme(self, event: protocol.VisemeDelta) -> None:
        """A phoneme begins in the frame that comes next."""
        speech = self._responses.get(event.response_id)
        if speech is not None:
            start, end = event.start_ms / 1000, event.end_ms / 1000
            speech.begin_phoneme(SpokenPhoneme(event.phoneme, start, end))

    def hear_frame(
        self, state: events.State
    ) -> tuple[str | None, tuple[SpokenWord, ...], tuple[SpokenPhoneme, ...]]:
        """A frame came. Returns the name of the speech in it, words and phonemes that begin."""
        speech = self.sounding
        # While paused, and while more of a text is awaited, it does not sound.
        if state != "speaking" and not self._stopping:
            speech = None
        words, phonemes = ((), ()) if speech is None else speech.hear_frame()
        if self._stopping:
            self.sounding, self._stopping = None, False
        return None if speech is None else speech.id, words, phonemes

    def finish(self, event: protocol.ResponseDone) -> RemoteSpeech | None:
        """The server has ended one. Returns it."""
        speech = self._responses.pop(event.response_id, None)
        if speech is None:
            return None
        if event.status == "failed":
            told, self._told_error = self._told_error, None
            speech.error = speech.error or told or Failed("The response failed.")
        speech.finish(event)
        self._leave(speech)
        return speech

    def refuse(self, event_id: str | None, error: JamflowError) -> RemoteSpeech | None:
        """The server refused an event. Returns the speech that it was about, if it was."""
        speech = self.get(event_id)
        if speech is None:
            self._told_error = error
            return None
        speech.error = speech.error or error
        if speech.response_id is None:
            self.drop(speech)
        return speech

    # When a socket is lost

    def doubt(self) -> None:
        """There is another socket: those that have no answer yet may not have arrived."""
        self._doubtful = tuple(one for one in self._open.values() if one.response_id is None)

    def drop_doubtful(self) -> None:
        """All answers are there: what has none by now did not arrive."""
        doubtful, self._doubtful = self._doubtful, ()
        for speech in doubtful:
            if speech.response_id is None and not speech.done:
                speech.error = Failed("The connection was lost before this arrived; say it again.")
                self.drop(speech)

    def _leave(self, speech: RemoteSpeech) -> None:
        self._open.pop(speech.id, None)
        now, playback = self._now(), speech.playback()
        if speech.interrupted:
            self._tell(events.SpeechInterrupted(now, speech.id, playback, speech.error))
        else:
            self._tell(events.SpeechFinished(now, speech.id, playback))
