"""Hearing: the microphone's sound → what the user does. Sans I/O; time is counted in sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from jamflow_rt.codec.pcm import check_pcm
from jamflow_rt.config import StrictModel
from jamflow_rt.hear.echo import EchoGate
from jamflow_rt.hear.voice_activity import BLOCK_SECONDS, BlockCutter, VoiceActivity, silero

HYSTERESIS: Final = 0.15
"""A voice goes on until its probability is this much below the threshold, as in silero's code."""
RESUME_SECONDS: Final = 0.064
"""Shorter sound within a silence, a click or a breath, does not end the silence."""
FORGETTING: Final = 0.5
"""Seconds of counted voice that a second without voice takes away again. Speech has gaps."""

_ROUNDING: Final = 1e-6
"""Seconds. Sums of 32 ms may miss a whole number by less."""


class HearingSettings(StrictModel):
    """When a sound counts as the user's voice, and what follows from it. Times in seconds."""

    threshold: float = Field(default=0.5, gt=HYSTERESIS, lt=1)
    """Probability of speech from which on a block of 32 ms counts as voice."""
    min_speech: float = Field(default=0.16, ge=0)
    """Voice before `UserStarted`."""
    barge_in: float | None = Field(default=0.3, ge=0)
    """Voice over the avatar's before `BargeIn`; None never interrupts."""
    pause: float = Field(default=0.25, gt=0)
    """Silence before `UserPaused`."""
    end_of_turn: float = Field(default=0.7, gt=0)
    """Silence before `UserStopped`."""

    @model_validator(mode="after")
    def _check(self) -> HearingSettings:
        if self.pause >= self.end_of_turn:
            raise ValueError(
                f"pause must be shorter than end_of_turn ({self.end_of_turn:g} s), "
                f"not {self.pause:g} s"
            )
        return self


@dataclass(frozen=True, slots=True)
class UserStarted:
    """The user began to speak while the avatar was silent."""

    time: float
    """Seconds of microphone sound, as in all of these: when it was known."""


@dataclass(frozen=True, slots=True)
class UserPaused:
    """The user fell silent, perhaps only for a moment."""

    time: float


@dataclass(frozen=True, slots=True)
class UserResumed:
    """The user goes on after a pause."""

    time: float


@dataclass(frozen=True, slots=True)
class UserStopped:
    """The user has finished: the end of a turn."""

    time: float


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The user speaks over the avatar, which should stop. Begins a turn as `UserStarted` does."""

    time: float


HeardEvent = UserStarted | UserPaused | UserResumed | UserStopped | BargeIn


class Hearing:
    """Follows the user's turns in the sound of a microphone.

    A turn begins with `UserStarted` or, while the avatar speaks, with `BargeIn`; pauses in it are
    told by `UserPaused` and `UserResumed`; it ends with `UserStopped`. If the avatar begins to
    speak in the middle of a turn and the user goes on, there is a `BargeIn` as well.

    Args:
        settings: when a voice counts.
        voice_activity: tells speech from other sound; Silero VAD if none is given.
        gate: tells the user's sound from the avatar's own.

    Raises:
        NotSupported: the weights of Silero VAD are not installed.
    """

    def __init__(
        self,
        settings: HearingSettings,
        voice_activity: VoiceActivity | None = None,
        gate: EchoGate | None = None,
    ) -> None:
        self._settings = settings
        self._voice_activity = silero() if voice_activity is None else voice_activity
        self._gate = EchoGate() if gate is None else gate
        self._cutter = BlockCutter()
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._blocks = 0
        # True while the probability of speech has not fallen below the lower threshold.
        self._voiced = False
        # Seconds of voice counted towards the start of a turn, and towards an interruption.
        self._towards_turn = 0.0
        self._towards_barge_in = 0.0
        # Seconds of unbroken voice, and of the silence (with short sounds in it) since.
        self._run = 0.0
        self._silence = 0.0
        self._in_turn = False
        self._paused = False
        # True when what the avatar is saying has been interrupted already.
        self._barged_in = False

    @property
    def time(self) -> float:
        """Seconds of microphone sound heard."""
        return self._blocks * BLOCK_SECONDS

    def reset(self) -> None:
        """Forget the turn and begin at time 0. What is known of the echo stays known."""
        self._cutter.reset()
        self._voice_activity.reset()
        self._start_afresh()

    def played(self, sound: NDArray[np.float32]) -> None:
        """The avatar's sound (N,) at 24 kHz that goes out now, silence as well."""
        self._gate.played(sound)

    def push(self, pcm: NDArray[Any], sample_rate: int, speaking: bool) -> list[HeardEvent]:
        """Take the microphone's next sound in.

        Args:
            pcm: (N,) int16 or floating samples, one channel; any N.
            sample_rate: samples a second, 8000…48000.
            speaking: True while the avatar speaks.

        Returns:
            What is known with it, oldest first.

        Raises:
            InvalidInput: the sound cannot be used; nothing of it was taken.
        """
        sound = check_pcm(pcm, sample_rate)
        events: list[HeardEvent] = []
        for block in self._cutter.push(sound, int(sample_rate)):
            probability = self._voice_activity.probability(block)
            near = self._gate.near(block)
            self._blocks += 1
            lower = HYSTERESIS if self._voiced else 0.0
            self._voiced = probability >= self._settings.threshold - lower
            events += self._follow(self._voiced and near, speaking)
        return events

    def _follow(self, heard: bool, speaking: bool) -> list[HeardEvent]:
        """One more block, with the user's voice or without it."""
        limits = self._settings
        self._towards_turn = _count(self._towards_turn, heard, limits.min_speech)
        self._towards_barge_in = (
            _count(self._towards_barge_in, heard, limits.barge_in or 0.0) if speaking else 0.0
        )
        self._run = self._run + BLOCK_SECONDS if heard else 0.0
        self._silence = 0.0 if self._run >= RESUME_SECONDS else self._silence + BLOCK_SECONDS
        if not speaking:
            self._barged_in = False
        if heard and self._interrupts(speaking):
            self._begin()
            self._barged_in = True
            return [BargeIn(self.time)]
        if self._in_turn:
            return self._within_turn()
        if heard and not speaking and self._towards_turn >= limits.min_speech - _ROUNDING:
            self._begin()
            return [UserStarted(self.time)]
        return []

    def _interrupts(self, speaking: bool) -> bool:
        needed = self._settings.barge_in
        if needed is None or not speaking or self._barged_in:
            return False
        return self._towards_barge_in >= needed - _ROUNDING

    def _begin(self) -> None:
        self._in_turn, self._paused, self._silence = True, False, 0.0

    def _within_turn(self) -> list[HeardEvent]:
        if self._paused and self._silence == 0.0:
            self._paused = False
            return [UserResumed(self.time)]
        events: list[HeardEvent] = []
        if not self._paused and self._silence >= self._settings.pause - _ROUNDING:
            self._paused = True
            events.append(UserPaused(self.time))
        if self._silence >= self._settings.end_of_turn - _ROUNDING:
            self._in_turn = self._paused = False
            self._towards_turn = self._towards_barge_in = 0.0
            events.append(UserStopped(self.time))
        return events


def _count(seconds: float, heard: bool, limit: float) -> float:
    """Voice counted up to `limit`; silence takes some of it away."""
    if heard:
        return min(limit, seconds + BLOCK_SECONDS)
    return max(0.0, seconds - FORGETTING * BLOCK_SECONDS)
