"""The programme of a session: its speeches in order, where each comes from, and their ends."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from jamflow_rt.beats import BEAT_SECONDS
from jamflow_rt.stream.events import (
    Event,
    SpeechFinished,
    SpeechInterrupted,
    SpeechStarted,
    State,
    StateChanged,
    WordSpoken,
)
from jamflow_rt.stream.media import Frame, Playback
from jamflow_rt.stream.performance import Performance
from jamflow_rt.stream.playout import Playout
from jamflow_rt.stream.settings import SessionSettings
from jamflow_rt.stream.sources import Piece, Source
from jamflow_rt.stream.speech import Speech
from jamflow_rt.stream.supply import Supply

log = logging.getLogger(__name__)

Attending = Literal["idle", "listening", "thinking"]
"""What the face does while it says nothing and has nothing to say."""


class Programme:
    """Brings speeches into the score, one after the other, and gives each exactly one end.

    It also knows the session's state: `speaking` from the first to the last frame of a speech and
    between two that follow on each other, `thinking` while the first words of a speech are being
    made, else what the session attends to.

    Belongs to the event loop it was made on.

    Args:
        performance: whose score is written.
        supply: told when there is something to generate.
        playout: looked at for what comes next, and made silent.
        settings: how far ahead the score is written, and how long the face thinks in vain.
        emit: takes events.
    """

    def __init__(
        self,
        performance: Performance,
        supply: Supply,
        playout: Playout,
        settings: SessionSettings,
        emit: Callable[[Event], None],
    ) -> None:
        self.state: State = "idle"
        self.first_frame: float | None = None
        """Seconds from its coming to the first frame of the last speech that did not queue."""
        self._attending: Attending = "idle"
        # Media time at which the face began to think of an answer.
        self._thinking_since = 0.0
        # A speech that came when nothing else was being said, and when that was.
        self._asked: tuple[Speech, float] | None = None
        self._score = performance.score
        self._supply = supply
        self._playout = playout
        self._settings = settings
        self._emit = emit
        # Speeches that have not ended, in the order of their saying, and where each comes from.
        self._speeches: deque[Speech] = deque()
        self._sources: dict[str, Source] = {}
        # Those of them whose source has not been read to its end.
        self._unread: deque[Speech] = deque()
        # Reads the sources, while there are any.
        self._reader: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        # What was cancelled and has not quite ended.
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def current(self) -> Speech | None:
        """The speech that is being said, or is next."""
        return self._speeches[0] if self._speeches else None

    def attend(self, to: Attending) -> None:
        """What the face does while it says nothing."""
        self._attending = to
        self._thinking_since = self._playout.clock.time
        self._update_state()

    def add(self, speech: Speech, source: Source) -> None:
        """Say this too, after everything else."""
        if not self._speeches:
            self._asked = speech, self._playout.clock.now()
        self._speeches.append(speech)
        self._unread.append(speech)
        self._sources[speech.id] = source
        if self._reader is None or self._reader.done():
            self._reader = asyncio.get_running_loop().create_task(self._read_all())
        self._update_state()

    def interrupt(self) -> Playback:
        """End everything, silent from the next frame on. Returns what was heard of `current`."""
        playback = self._speeches[0].playback() if self._speeches else Playback(None, 0.0, "")
        self._playout.hush()
        if self._speeches:
            self._supply.cut()
        self.drop()
        self._supply.pump()
        return playback

    def pause(self) -> None:
        """Hold back what is being said: it will go on from the word that was broken off."""
        if self._score.paused:
            return
        self._playout.hush()
        beats = 0
        if self._speeches:
            beat = self._speeches[0].beat_to_resume()
            scheduled = sum(speech.beats for speech in self._speeches)
            ahead = sum(self._score.beats_of(speech.id) for speech in self._speeches)
            beats = scheduled - ahead - beat
            self._speeches[0].go_back(beat)
        self._supply.cut(held_back=beats)
        self._update_state()
        self._supply.pump()

    def resume(self) -> None:
        """Go on with what `pause` held back."""
        if not self._score.paused:
            return
        self._score.paused = False
        if self._score.ready:
            self._supply.make_way()
        self._update_state()
        self._supply.pump()

    def hear(self, frame: Frame) -> Frame:
        """A frame leaves the session: say what it means. Returns it with its words."""
        if frame.speech_id is not None:
            speech = self._speeches[0]
            first = not speech.started
            first_frame = None
            if first:
                if self._asked is not None and self._asked[0] is speech:
                    first_frame = self._playout.clock.now() - self._asked[1]
                    self.first_frame = first_frame
                if self._attending == "thinking":
                    self._attending = "idle"
            words, phonemes = speech.hear()
            self._set_state(self._state_now(), frame.time)
            if first:
                self._emit(SpeechStarted(frame.time, speech.id, first_frame))
            frame = replace(frame, words=words, phonemes=phonemes)
            for word in words:
                self._emit(WordSpoken(frame.time, speech.id, word.text, word.start, word.end))
        elif self._attending == "thinking" and not self._speeches:
            if frame.time - self._thinking_since > self._settings.thinking_limit:
                self.attend("idle")
        self._end_heard()
        return frame

    def make_room(self) -> None:
        """Some of the score has been generated."""
        self._room.set()

    def drop(self, error: Exception | None = None) -> None:
        """End everything that is being said or waits to be, because of `error` if there is one."""
        if self._reader is not None:
            self._reader.cancel()
            self._leave(self._reader)
            self._reader = None
        self._unread.clear()
        for speech in list(self._speeches):
            speech.error = speech.error or error
            self._end(speech, interrupted=True)
        self._score.close()
        self._score.paused = False
        self._set_state(self._attending)

    async def aclose(self) -> None:
        """Wait until everything that was cancelled has ended, for seconds at most."""
        waiting = self._leaving - {asyncio.current_task()}
        if waiting:
            await asyncio.wait(waiting, timeout=5.0)

    async def _read_all(self) -> None:
        while self._unread:
            speech = self._unread[0]
            try:
                async for piece in self._sources[speech.id].pieces():
                    self._write(speech, piece)
                    await self._has_room()
            except Exception as error:
                # What came before the error is still said; then the speech ends with it.
                log.info("Speech %s: %s", speech.id, error)
                speech.error = error
            if speech.done:
                return  # it was dropped in the meantime
            self._unread.popleft()
            self._score.close()
            speech.complete()
            self._end_heard()
            self._supply.pump()

    def _write(self, speech: Speech, piece: Piece) -> None:
        """Append a piece to the score, and make way for it if the face is idling."""
        idle = self._score.ready == 0
        self._score.extend(piece.cells)
        speech.schedule(len(piece.cells), piece.words, piece.phonemes)
        self._score.open, self._score.outlook = True, piece.outlook
        if idle and self._score.ready:
            self._supply.make_way()
        self._supply.pump()

    async def _has_room(self) -> None:
        while len(self._score) * BEAT_SECONDS > self._settings.score_ahead:
            self._room.clear()
            await self._room.wait()

    def _end_heard(self) -> None:
        """End the speeches that have been heard out."""
        while self._speeches and self._speeches[0].heard_out:
            speech = self._speeches[0]
            self._end(speech, interrupted=speech.error is not None)
        self._update_state()

    def _end(self, speech: Speech, interrupted: bool) -> None:
        self._speeches.remove(speech)
        source = self._sources.pop(speech.id)
        source.cancel()
        self._leave(asyncio.get_running_loop().create_task(source.aclose()))
        speech.end(interrupted)
        time = self._playout.clock.time
        if interrupted:
            self._emit(SpeechInterrupted(time, speech.id, speech.playback(), speech.error))
        else:
            self._emit(SpeechFinished(time, speech.id, speech.playback()))

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _update_state(self) -> None:
        self._set_state(self._state_now())

    def _set_state(self, state: State, time: float | None = None) -> None:
        if state != self.state:
            self.state = state
            self._emit(StateChanged(self._playout.clock.time if time is None else time, state))

    def _state_now(self) -> State:
        if self._score.paused:
            return self._attending
        if self._speeches and self._speeches[0].started:
            return "speaking"
        shot = self._playout.next_shot
        if self.state == "speaking" and shot is not None and shot.speech_id is not None:
            return "speaking"
        return "thinking" if self._speeches else self._attending
