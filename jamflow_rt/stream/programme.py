"""The programme of a session: its speeches in order, where each comes from, and their ends."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

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
from jamflow_rt.stream.sources import Piece, Source
from jamflow_rt.stream.speech import Speech
from jamflow_rt.stream.supply import Supply

log = logging.getLogger(__name__)


class Programme:
    """Brings speeches into the score, one after the other, and gives each exactly one end.

    Belongs to the event loop it was made on.

    Args:
        performance: whose score is written.
        supply: told when there is something to generate.
        playout: looked at for what comes next.
        score_ahead: seconds of score that are written before they are generated.
        emit: takes events.
    """

    def __init__(
        self,
        performance: Performance,
        supply: Supply,
        playout: Playout,
        score_ahead: float,
        emit: Callable[[Event], None],
    ) -> None:
        self.state: State = "idle"
        self._score = performance.score
        self._supply = supply
        self._playout = playout
        self._score_ahead = score_ahead
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

    def add(self, speech: Speech, source: Source) -> None:
        """Say this too, after everything else."""
        self._speeches.append(speech)
        self._unread.append(speech)
        self._sources[speech.id] = source
        if self._reader is None or self._reader.done():
            self._reader = asyncio.get_running_loop().create_task(self._read_all())

    def playback(self) -> Playback:
        """What was heard of the current speech."""
        return self._speeches[0].playback() if self._speeches else Playback(None, 0.0, "")

    def hear(self, frame: Frame) -> None:
        """A frame left the session: say what it means."""
        if frame.speech_id is not None:
            speech = self._speeches[0]
            if not speech.started:
                self._set_state("speaking")
                self._emit(SpeechStarted(speech.id, frame.time))
            for word in speech.hear():
                self._emit(WordSpoken(speech.id, word.text, word.start, word.end))
        self._end_heard()

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
        self._supply.waiting = False
        self._set_state("idle")

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
            self._score.hold(0, speech.id)
            self._supply.waiting = False
            speech.complete()
            self._end_heard()
            self._supply.pump()

    def _write(self, speech: Speech, piece: Piece) -> None:
        """Append a piece to the score, and make way for it if the face is idling."""
        idle = self._score.ready == 0
        self._score.extend(piece.cells)
        self._score.hold(piece.held, speech.id)
        speech.schedule(len(piece.cells), piece.words)
        self._supply.waiting = True
        if idle and self._score.ready:
            self._supply.make_way()
        self._supply.pump()

    async def _has_room(self) -> None:
        while len(self._score) * BEAT_SECONDS > self._score_ahead:
            self._room.clear()
            await self._room.wait()

    def _end_heard(self) -> None:
        """End the speeches that have been heard out."""
        while self._speeches and self._speeches[0].heard_out:
            speech = self._speeches[0]
            self._end(speech, interrupted=speech.error is not None)
        next_shot = self._playout.next_shot
        talking = bool(self._speeches) and self._speeches[0].started
        if not talking and (next_shot is None or next_shot.speech_id is None):
            self._set_state("idle")

    def _end(self, speech: Speech, interrupted: bool) -> None:
        self._speeches.remove(speech)
        source = self._sources.pop(speech.id)
        source.cancel()
        self._leave(asyncio.get_running_loop().create_task(source.aclose()))
        speech.end(interrupted)
        if interrupted:
            self._emit(SpeechInterrupted(speech.id, speech.playback(), speech.error))
        else:
            self._emit(SpeechFinished(speech.id, speech.playback()))

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _set_state(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._emit(StateChanged(state))
