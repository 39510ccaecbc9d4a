"""An event of each kind."""

from __future__ import annotations

from jamflow_rt import protocol
from jamflow_rt.protocol import (
    ErrorEvent,
    InputAudioAppend,
    InputMotionAppend,
    InputTextAppend,
    InputTextDone,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)

CLIENT_EVENTS: list[protocol.ClientEvent] = [
    SessionUpdate(voice="low", portrait="mara", speed=1.5, input_sample_rate=16_000),
    ResponseCreate(input="Hello.", mode="interrupt"),
    InputTextAppend(delta="Hel"),
    InputTextDone(),
    InputAudioAppend(audio=b"\x00\x01\xfe\xff", purpose="hear"),
    protocol.InputAudioCommit(),
    protocol.InputAudioClear(),
    InputMotionAppend(frames=((0.5, -1.0), (2.0, 3.0))),
    ResponseCancel(event_id="7"),
    protocol.OutputAudioClear(),
    protocol.ItemTruncate(item_id="r", audio_end_ms=1200),
    protocol.AvatarState(state="listening"),
    protocol.AvatarPause(),
    protocol.AvatarResume(),
    protocol.PlaybackPosition(item_id="r", ms=12.5),
]
SERVER_EVENTS: list[protocol.ServerEvent] = [
    protocol.SessionCreated(session_id="s", max_text=5),
    protocol.SessionCreated(
        session_id="s", max_text=5, resume_token="t", voices=("low",), scopes=("say",)
    ),
    protocol.SessionUpdated(voice="low", speed=1.0, input_sample_rate=24_000),
    protocol.SessionExpiring(reason="idle", seconds=30),
    protocol.SessionClosed(reason="time"),
    protocol.ResponseCreated(response_id="r"),
    protocol.ResponseDone(
        response_id="r", status="cancelled", spoken_text="Hi", unspoken_text="", audio_end_ms=120
    ),
    protocol.TranscriptDelta(response_id="r", delta="Hi", start_ms=0, end_ms=120),
    protocol.VisemeDelta(response_id="r", phoneme="ə", start_ms=0, end_ms=80),
    protocol.OutputAudioStarted(response_id="r"),
    protocol.OutputAudioStopped(response_id="r"),
    protocol.OutputAudioCleared(response_id="r"),
    protocol.ItemTruncated(item_id="r", audio_end_ms=100, spoken_text="Hi"),
    protocol.SpeechStarted(),
    protocol.SpeechStopped(),
    protocol.StateChanged(state="speaking"),
    protocol.Metrics(time_ms=5000, ahead_ms=500, late_ms=0, underruns=1),
    protocol.RateLimits(limit=120, remaining=7, reset_seconds=3.5),
    ErrorEvent(code="failed", message="No."),
]
