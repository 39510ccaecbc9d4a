"""What comes from the server: to speeches, frames and events."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pydantic import ValidationError

from jamflow_rt import protocol
from jamflow_rt.client.events import Expiring, RemoteError, RemoteEvent
from jamflow_rt.client.failures import failure
from jamflow_rt.client.frames import Assembler
from jamflow_rt.client.pushing import Pushing
from jamflow_rt.client.reading import Frames
from jamflow_rt.client.saying import Saying
from jamflow_rt.client.speech import RemoteSpeech
from jamflow_rt.client.speeches import Speeches
from jamflow_rt.client.updating import Updating
from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream import events
from jamflow_rt.stream.listeners import Listeners

if TYPE_CHECKING:
    from jamflow_rt.client.unpacking import Unpacker
    from jamflow_rt.codec.motion import MotionSpace

log = logging.getLogger(__name__)


class Incoming:
    """Takes the server's messages in order, and hands on what each of them means.

    Args:
        listeners: told of events.
        frames: gets the frames.
        speeches: those that have not ended.
        saying: told which of its texts nobody wants any more.
        pushing: told which of its streams nobody wants any more.
        updating: told which changes were made.
    """

    def __init__(
        self,
        listeners: Listeners[RemoteEvent],
        frames: Frames,
        speeches: Speeches,
        saying: Saying,
        pushing: Pushing,
        updating: Updating,
    ) -> None:
        self._listeners = listeners
        self._frames = frames
        self._speeches = speeches
        self._saying = saying
        self._pushing = pushing
        self._updating = updating
        self._assembler = Assembler()
        # True when a speech was broken off since the last frame.
        self._broken_off = False
        self.created: protocol.SessionCreated | None = None
        """The server's greeting over the last socket."""
        self.state: events.State = "idle"
        self.unpacker: Unpacker | None = None
        """Decodes frames; there before the first message."""

    @property
    def session_id(self) -> str:
        """The server's name for the session."""
        return "" if self.created is None else self.created.session_id

    @property
    def epoch(self) -> int:
        """The newest that was seen."""
        return self._assembler.epoch

    @property
    def space(self) -> MotionSpace | None:
        """The server's motion space, where it is known."""
        return None if self.unpacker is None else self.unpacker.space

    async def take(self, message: str | bytes) -> None:
        """Take in one message."""
        if isinstance(message, bytes):
            await self._see(message)
            return
        try:
            event = protocol.parse_server_event(message)
        except ValidationError:
            log.info("The server told something that this version does not know.")
            return
        self._hear(event)

    async def _see(self, message: bytes) -> None:
        try:
            media = protocol.MediaFrame.unpack(message)
        except InvalidInput as error:
            log.info("The server sent media that this version does not know: %s", error)
            return
        newest = self._assembler.epoch
        complete = self._assembler.push(media)
        if self._assembler.epoch > newest:
            self._frames.clear()
        self._broken_off = False
        assert self.unpacker is not None
        for parts in complete:
            heard = self._speeches.hear_frame(self.state)
            frame = await self.unpacker.frame(parts, *heard)
            if parts.epoch == self._assembler.epoch:
                self._frames.put(frame)

    def _hear(self, event: protocol.ServerEvent) -> None:
        now, speeches = self._frames.time, self._speeches
        match event:
            case protocol.SessionCreated():
                self.created = event
                self._listeners.session_id = event.session_id
            case protocol.SessionUpdated():
                self._updating.settle(event)
                speeches.drop_doubtful()
            case protocol.SessionExpiring():
                self._listeners.tell(Expiring(now, event.reason, event.seconds))
            case protocol.ResponseCreated():
                speeches.accept(event, self._pushing.unnamed)
            case protocol.OutputAudioStarted():
                speeches.start(event)
            case protocol.TranscriptDelta():
                speeches.begin_word(event)
            case protocol.VisemeDelta():
                speeches.begin_phoneme(event)
            case protocol.OutputAudioStopped():
                speeches.stop()
            case protocol.OutputAudioCleared():
                speeches.clear()
                self._broken_off = True
            case protocol.ResponseDone():
                self._over(speeches.finish(event))
            case protocol.StateChanged():
                self.state = event.state
                self._listeners.tell(events.StateChanged(now, event.state))
            case protocol.SpeechStarted():
                self._listeners.tell(events.UserStarted(now, self._broken_off))
            case protocol.SpeechStopped():
                self._listeners.tell(events.UserStopped(now))
            case protocol.Metrics():
                self._listeners.tell(_metrics(event))
            case protocol.ErrorEvent():
                self._refused(event)
            case protocol.SessionClosed() | protocol.ItemTruncated() | protocol.RateLimits():
                pass

    def _refused(self, event: protocol.ErrorEvent) -> None:
        error = failure(event)
        if self._updating.refuse(event.event_id or "", error):
            return
        speech = self._speeches.refuse(event.event_id, error)
        if speech is None:
            log.info("Session %s: %s", self.session_id, error)
            self._listeners.tell(RemoteError(self._frames.time, error))
        self._over(speech)

    def _over(self, speech: RemoteSpeech | None) -> None:
        """Nothing more is wanted of what is still to be said or pushed of a speech."""
        if speech is not None:
            self._saying.ended(speech)
            self._pushing.ended(speech)


def _metrics(event: protocol.Metrics) -> events.Metrics:
    first_frame = event.first_frame_ms
    return events.Metrics(
        event.time_ms / 1000,
        event.ahead_ms / 1000,
        event.late_ms / 1000,
        event.underruns,
        None if first_frame is None else first_frame / 1000,
    )
