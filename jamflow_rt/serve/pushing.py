"""What comes in from a client: sound and motion that drive the face, and sound to be heard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import numpy as np

from jamflow_rt import protocol
from jamflow_rt.beats import MOTION_RATE
from jamflow_rt.errors import JamflowError, Overloaded
from jamflow_rt.serve.responses import Responses
from jamflow_rt.stream.session import Session
from jamflow_rt.stream.speech import Speech

MAX_PUSHED: Final = 60.0
"""Seconds of sound or motion that may wait to be played. More is a runaway client."""


class Pushing:
    """Hands a client's sound and motion to its session.

    Args:
        session: what is driven.
        responses: says whether there is room for one more.
        begin: called with the speech that a first piece began, and its event.
    """

    def __init__(
        self,
        session: Session,
        responses: Responses,
        begin: Callable[[Speech, protocol.ClientEvent], object],
    ) -> None:
        self._session = session
        self._responses = responses
        self._begin = begin
        # What comes in now, and how many seconds of it came.
        self._speech: Speech | None = None
        self._seconds = 0.0
        # True when the user was heard and that was not forgotten.
        self._heard = False

    def sound(self, event: protocol.InputAudioAppend, sample_rate: int) -> None:
        """More sound, at this rate. Raises what `Session.push_audio` and `hear` raise."""
        pcm = np.frombuffer(event.audio, "<i2").astype(np.int16)
        if event.purpose == "hear":
            self._session.hear(pcm, sample_rate)
            self._heard = True
            return
        seconds = len(pcm) / sample_rate
        self._push(event, seconds, lambda: self._session.push_audio(pcm, sample_rate))

    def motion(self, event: protocol.InputMotionAppend) -> None:
        """More motion. Raises what `Session.push_motion` raises."""
        # What does not fit into 32 bits becomes infinite, which the session refuses.
        with np.errstate(over="ignore"):
            latents = np.array(event.frames).astype(np.float32)
        seconds = len(latents) / MOTION_RATE
        self._push(event, seconds, lambda: self._session.push_motion(latents))

    def complete(self) -> None:
        """That was all of it; nothing happens if an interruption was faster."""
        if self._speech is not None:
            self._speech = None
            self._session.flush()

    async def clear(self) -> None:
        """Stop what is driven by it, and forget what was heard."""
        if self._speech is not None:
            await self._session.interrupt()
        if self._heard:
            self._heard = False
            self._session.idle()

    def ended(self, response_id: str) -> None:
        """A response ended; if it is the one that is being pushed in, the next piece begins one."""
        if self._speech is not None and response_id == self._speech.id:
            self._speech = None
            # When it failed the session still waits for more of it.
            with suppress(JamflowError):
                self._session.flush()

    def _push(
        self, event: protocol.ClientEvent, seconds: float, push: Callable[[], Speech]
    ) -> None:
        if self._speech is None:
            self._responses.check_room()
        elif self._seconds + seconds - self._speech.position > MAX_PUSHED:
            raise Overloaded(
                f"{MAX_PUSHED:.0f} seconds wait to be played already; send as fast as is played."
            )
        speech = push()
        if self._speech is None:
            self._begin(speech, event)
            self._speech, self._seconds = speech, 0.0
        self._seconds += seconds
