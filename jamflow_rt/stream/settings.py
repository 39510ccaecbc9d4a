"""Settings of a session's playout."""

from __future__ import annotations

from pydantic import Field

from jamflow_rt.config import StrictModel


class SessionSettings(StrictModel):
    """How far ahead a session generates, and what it accepts."""

    speech_ahead: float = Field(default=1.5, gt=0)
    """Seconds of speech kept ready."""
    idle_ahead: float = Field(default=0.5, gt=0)
    """Seconds of idling kept ready; speech replaces it."""
    waiting_ahead: float = Field(default=0.25, gt=0)
    """The same in the middle of a speech whose text or sound is late."""
    score_ahead: float = Field(default=4.0, gt=0)
    """Seconds of text timed before it is generated."""
    margin: float = Field(default=0.02, ge=0)
    """Seconds added to the measured time of a window when a start is planned."""
    max_text: int = Field(default=5000, ge=1)
    """Characters of one speech at most."""
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    """Rate of speech; 1 is as learned."""
