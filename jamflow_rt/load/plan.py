"""What a load test does."""

from __future__ import annotations

from typing import Final, Literal, get_args

from pydantic import Field, SecretStr

from jamflow_rt.config import StrictModel

LoadMedia = Literal["video", "motion", "audio", "webrtc"]
"""The three media modes of the WebSocket, and WebRTC."""
LOAD_MEDIA: Final[tuple[LoadMedia, ...]] = get_args(LoadMedia)
MOST_CLIENTS: Final = 1000
"""Clients at once. One process cannot decode for so many; the limit catches slips of the pen."""


class LoadPlan(StrictModel):
    """Settings of a load test."""

    url: str
    """Of the server, such as `http://127.0.0.1:8080`."""
    clients: tuple[int, ...] = (1, 2, 4)
    """Clients at once, one number after the other."""
    media: tuple[LoadMedia, ...] = LOAD_MEDIA
    """What they take, one after the other."""
    seconds: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    """How long each client stays, from its first frame on."""
    token: SecretStr | None = None
    """For all clients, which then count as one subject."""
    auth_key: SecretStr | None = None
    """Buys a token for each client."""
    portrait: str | None = None
    voice: str | None = None
