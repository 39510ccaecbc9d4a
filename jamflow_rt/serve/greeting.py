"""What a client is told about its session when it connects."""

from __future__ import annotations

from dataclasses import dataclass

from jamflow_rt.protocol import Media


@dataclass(frozen=True, slots=True)
class Greeting:
    """How a session begins, and what a client may change it to."""

    voice: str | None = None
    portrait: str | None = None
    speed: float = 1.0
    voices: tuple[str, ...] = ()
    """Those that `session.update` takes; no others."""
    portraits: tuple[str, ...] = ()
    """Those that `session.update` takes; others only where `find_portrait` knows them."""
    media: Media = "webrtc"
    resume_token: str | None = None
    """Brings a client that lost its connection back."""
    badge: bool = False
    """Pictures are marked as made by a machine, also where the client draws them."""
