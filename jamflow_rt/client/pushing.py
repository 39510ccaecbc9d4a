"""Sound and motion on their way to the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from jamflow_rt import protocol
from jamflow_rt.client.speech import RemoteSpeech
from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.pcm import check_pcm
from jamflow_rt.errors import InvalidInput

if TYPE_CHECKING:
    import soxr

    from jamflow_rt.codec.motion import MotionSpace

PIECE_SAMPLES: Final = 12_000
"""Samples of one message: half a second, less than half of what a message may have as base64."""
PIECE_FRAMES: Final = 25
"""Frames of motion in one message."""


class ToWire:
    """One stream of sound of any rate → samples as the server takes them when told nothing else.

    Args:
        sample_rate: of what comes in.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._resampler: soxr.ResampleStream | None = None
        if sample_rate != protocol.DEFAULT_INPUT_RATE:
            # Not every session needs it.
            import soxr

            self._resampler = soxr.ResampleStream(
                sample_rate, protocol.DEFAULT_INPUT_RATE, 1, dtype="float32"
            )

    def push(self, sound: NDArray[np.float32], last: bool = False) -> Iterator[bytes]:
        """Pieces of s16le for messages."""
        if self._resampler is not None:
            sound = self._resampler.resample_chunk(sound, last=last)
        pcm = np.round(np.clip(sound, -1.0, 1.0) * 32767.0).astype("<i2")
        for start in range(0, len(pcm), PIECE_SAMPLES):
            yield pcm[start : start + PIECE_SAMPLES].tobytes()


class Microphone:
    """The user's sound on its way to be heard.

    Args:
        send: takes messages.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._to_wire: ToWire | None = None

    def hear(self, pcm: NDArray[Any], sample_rate: int) -> None:
        """Send more of it; raises InvalidInput when it cannot be used."""
        sound = check_pcm(pcm, sample_rate)
        if self._to_wire is None or self._to_wire.sample_rate != sample_rate:
            self._to_wire = ToWire(int(sample_rate))
        for piece in self._to_wire.push(sound):
            self._send(_input(piece, hear=True))


class Pushing:
    """Sound or motion that drives the face, one stream at a time.

    Args:
        send: takes messages.
        new_speech: makes the speech that a stream belongs to.
    """

    def __init__(
        self, send: Callable[[str | bytes], None], new_speech: Callable[[str], RemoteSpeech]
    ) -> None:
        self._send = send
        self._new_speech = new_speech
        self._speech: RemoteSpeech | None = None
        self._kind: Literal["sound", "motion"] = "sound"
        self._to_wire: ToWire | None = None
        # True when the server was told which speech this is.
        self._told = False

    @property
    def unnamed(self) -> RemoteSpeech | None:
        """The speech that is being pushed, while the server has not named it."""
        speech = self._speech
        return speech if speech is not None and speech.response_id is None else None

    def push_audio(self, pcm: NDArray[Any], sample_rate: int) -> RemoteSpeech:
        """See `RemoteSession.push_audio`."""
        sound = check_pcm(pcm, sample_rate)
        if self._speech is not None:
            if self._kind != "sound":
                raise InvalidInput("Motion is being pushed in: flush() before sound.")
            assert self._to_wire is not None
            if self._to_wire.sample_rate != sample_rate:
                raise InvalidInput(
                    f"The sample rate changed from {self._to_wire.sample_rate} to {sample_rate}: "
                    "flush() before sound of another rate."
                )
        else:
            self._to_wire = ToWire(int(sample_rate))
        speech = self._begin("sound")
        assert self._to_wire is not None
        self._send_sound(speech, self._to_wire.push(sound))
        return speech

    def push_motion(
        self, motion: Sequence[FaceState] | NDArray[np.float32], space: MotionSpace | None
    ) -> RemoteSpeech:
        """See `RemoteSession.push_motion`."""
        latents = _latents(motion, space)
        if self._speech is not None and self._kind != "motion":
            raise InvalidInput("Sound is being pushed in: flush() before motion.")
        speech = self._begin("motion")
        for start in range(0, len(latents), PIECE_FRAMES):
            rows = latents[start : start + PIECE_FRAMES].round(5).tolist()
            frames = tuple(tuple(row) for row in rows)
            event = protocol.InputMotionAppend(frames=frames, event_id=speech.id)
            self._send(protocol.dump_event(event))
        return speech

    def flush(self) -> RemoteSpeech | None:
        """See `RemoteSession.flush`."""
        speech = self._speech
        if speech is None:
            return None
        if self._to_wire is not None:
            self._send_sound(speech, self._to_wire.push(np.zeros(0, np.float32), last=True))
        self.forget()
        self._send(protocol.dump_event(protocol.InputAudioCommit(event_id=speech.id)))
        return speech

    def ended(self, speech: RemoteSpeech) -> None:
        """The server has ended a speech: what comes after it is another one."""
        if speech is self._speech:
            self.forget()

    def forget(self) -> None:
        """What comes next is another speech."""
        self._speech = self._to_wire = None

    def _begin(self, kind: Literal["sound", "motion"]) -> RemoteSpeech:
        if self._speech is None:
            self._speech = self._new_speech("")
            self._kind, self._told = kind, False
        return self._speech

    def _send_sound(self, speech: RemoteSpeech, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            if self._told:
                self._send(_input(piece))
                continue
            # Binary frames have no room for a name, so the first piece goes as an event.
            event = protocol.InputAudioAppend(audio=piece, event_id=speech.id)
            self._send(protocol.dump_event(event))
            self._told = True


def _input(piece: bytes, hear: bool = False) -> bytes:
    return protocol.MediaFrame(protocol.MediaKind.INPUT_AUDIO, 0, 0, piece, hear).pack()


def _latents(
    motion: Sequence[FaceState] | NDArray[np.float32], space: MotionSpace | None
) -> NDArray[np.float32]:
    """Motion as latents (N, D), checked as far as that can be done here."""
    if len(motion) == 0:
        raise InvalidInput("The motion is empty: give at least one frame.")
    if isinstance(motion, np.ndarray):
        latents = np.asarray(motion, np.float32)
    elif space is None:
        raise InvalidInput(
            "Faces can be pushed over a connection with media='motion'; give latents (frames, D)."
        )
    else:
        # Checks each face; loads what the model's side needs.
        from jamflow_rt.stream.given_motion import check_motion

        latents = check_motion(motion, space).latents
    if latents.ndim != 2 or not np.isfinite(latents).all():
        raise InvalidInput(f"Motion is (frames, D) of finite numbers, not {latents.shape}.")
    return latents
