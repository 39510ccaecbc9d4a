"""Settings of a session's playout."""

from __future__ import annotations

from pydantic import Field, ValidationError

from jamflow_rt.config import StrictModel
from jamflow_rt.errors import InvalidInput
from jamflow_rt.hear.hearing import HearingSettings


class SessionSettings(StrictModel):
    """How far ahead a session generates, and what it accepts."""

    speech_ahead: float = Field(default=1.5, gt=0, le=4.0)
    """Seconds of speech kept ready."""
    idle_ahead: float = Field(default=0.5, gt=0)
    """Seconds of idling kept ready; speech replaces it."""
    score_ahead: float = Field(default=4.0, gt=0)
    """Seconds of text timed before it is generated."""
    margin: float = Field(default=0.01, ge=0)
    """Seconds added to the measured time of a window when a start is planned."""
    max_text: int = Field(default=5000, ge=1)
    """Characters of one speech at most."""
    thinking_limit: float = Field(default=10.0, gt=0)
    """Seconds for which the face thinks of an answer to what it heard, when none comes."""
    metrics_every: float = Field(default=5.0, gt=0)
    """Seconds of the media clock between two `Metrics`."""
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    """Rate of speech; 1 is as learned."""
    hearing: HearingSettings = HearingSettings()
    """When the user's voice counts, and when it interrupts."""

    def at_speed(self, speed: float) -> SessionSettings:
        """The same with another rate of speech.

        Raises:
            InvalidInput: it is not between 0.25 and 4.
        """
        try:
            return SessionSettings(**{**self.model_dump(), "speed": speed})
        except ValidationError as error:
            raise InvalidInput(f"speed is between 0.25 and 4, not {speed!r}.") from error
