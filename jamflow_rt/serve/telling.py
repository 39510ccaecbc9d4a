"""What a session does, in the words of the wire."""

from __future__ import annotations

from collections.abc import Iterator

from jamflow_rt import protocol
from jamflow_rt.serve.event_errors import error_event
from jamflow_rt.stream import events
from jamflow_rt.stream.media import Frame, Playback


class Telling:
    """Events of a session → events of the server."""

    def __init__(self) -> None:
        # The response whose sound is leaving.
        self._sounding: str | None = None

    def told(self, event: events.Event) -> Iterator[protocol.ServerEvent]:
        """What a client is told of an event."""
        match event:
            case events.SpeechStarted():
                self._sounding = event.speech_id
                yield protocol.OutputAudioStarted(response_id=event.speech_id)
            case events.WordSpoken():
                yield protocol.TranscriptDelta(
                    response_id=event.speech_id,
                    delta=event.text,
                    start_ms=_milliseconds(event.start),
                    end_ms=_milliseconds(event.end),
                )
            case events.SpeechFinished():
                yield from self._ended(event.speech_id, "completed", event.playback)
            case events.SpeechInterrupted(error=None):
                yield from self._ended(event.speech_id, "cancelled", event.playback)
            case events.SpeechInterrupted():
                yield error_event(event.error)
                yield from self._ended(event.speech_id, "failed", event.playback)
            case events.StateChanged():
                yield protocol.StateChanged(state=event.state)
            case events.UserStarted():
                yield protocol.SpeechStarted()
            case events.UserStopped():
                yield protocol.SpeechStopped()
            case events.Metrics():
                yield _metrics(event)
            case events.SessionFailed():
                yield error_event(event.error)
            case events.Underrun():
                # Metrics count them.
                pass

    def _ended(
        self, response_id: str, status: protocol.DoneStatus, playback: Playback
    ) -> Iterator[protocol.ServerEvent]:
        if self._sounding == response_id:
            self._sounding = None
            if status == "cancelled":
                yield protocol.OutputAudioCleared(response_id=response_id)
            else:
                # Also of what failed: everything that was there has been heard.
                yield protocol.OutputAudioStopped(response_id=response_id)
        yield protocol.ResponseDone(
            response_id=response_id,
            status=status,
            spoken_text=playback.spoken_text,
            unspoken_text=playback.unspoken_text,
            audio_end_ms=playback.position_ms,
        )


def visemes(frame: Frame) -> Iterator[protocol.VisemeDelta]:
    """The phonemes that begin in a frame."""
    if frame.speech_id is None:
        return
    for phoneme in frame.phonemes:
        yield protocol.VisemeDelta(
            response_id=frame.speech_id,
            phoneme=phoneme.symbol,
            start_ms=_milliseconds(phoneme.start),
            end_ms=_milliseconds(phoneme.end),
        )


def _metrics(event: events.Metrics) -> protocol.Metrics:
    first_frame = event.first_frame
    return protocol.Metrics(
        time_ms=_milliseconds(event.time),
        ahead_ms=_milliseconds(event.ahead),
        late_ms=_milliseconds(event.late),
        underruns=event.underruns,
        first_frame_ms=None if first_frame is None else _milliseconds(first_frame),
    )


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
