"""Pushing: sound or motion that comes in from outside while it is played, until it is flushed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from jamflow_rt.codec.pcm import check_pcm
from jamflow_rt.errors import InvalidInput
from jamflow_rt.stream.given_motion import MotionLike, MotionSource, check_motion
from jamflow_rt.stream.sound import SoundSource
from jamflow_rt.stream.sources import Source
from jamflow_rt.stream.speech import Speech
from jamflow_rt.stream.studio import Studio


class Pushing:
    """Takes one stream of sound or motion at a time; each is a speech.

    Args:
        studio: the model.
        new_speech: makes the next speech of the session, of what is known of its text.
        add: takes the speech of a stream that begins, and where it comes from.
    """

    def __init__(
        self,
        studio: Studio,
        new_speech: Callable[[str], Speech],
        add: Callable[[Speech, Source], None],
    ) -> None:
        self._studio = studio
        self._new_speech = new_speech
        self._add = add
        # What is being pushed in.
        self._open: tuple[Speech, SoundSource | MotionSource] | None = None

    def push_audio(self, pcm: NDArray[Any], sample_rate: int) -> Speech:
        """See `Session.push_audio`."""
        sound = check_pcm(pcm, sample_rate)
        speech, source = self._open or self._begin(
            lambda speech_id: SoundSource(int(sample_rate), speech_id, self._studio.run)
        )
        if not isinstance(source, SoundSource):
            raise InvalidInput("Motion is being pushed in: flush() before sound.")
        if source.sample_rate != sample_rate:
            raise InvalidInput(
                f"The sample rate changed from {source.sample_rate} to {sample_rate}: "
                "flush() before sound of another rate."
            )
        source.push(sound)
        return speech

    def push_motion(self, motion: MotionLike) -> Speech:
        """See `Session.push_motion`."""
        given = check_motion(motion, self._studio.space)
        speech, source = self._open or self._begin(MotionSource)
        if not isinstance(source, MotionSource):
            raise InvalidInput("Sound is being pushed in: flush() before motion.")
        source.push(given)
        return speech

    def flush(self) -> Speech | None:
        """See `Session.flush`."""
        if self._open is None:
            return None
        (speech, source), self._open = self._open, None
        source.finish()
        return speech

    def forget(self) -> None:
        """The stream was dropped: what comes next is another one."""
        self._open = None

    def _begin(
        self, make: Callable[[str], SoundSource | MotionSource]
    ) -> tuple[Speech, SoundSource | MotionSource]:
        speech = self._new_speech("")
        self._open = speech, make(speech.id)
        self._add(*self._open)
        return self._open
