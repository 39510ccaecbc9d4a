"""What a viewer's SDP offer asks for, read before anything is opened for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiortc.sdp import MediaDescription, SessionDescription

from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.trickle import Fragment, detach_slow

KINDS: Final = ("audio", "video", "application")
"""Sections that are answered, one of each: aiortc opens sockets for every one it sees."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that can be answered, as far as can be told without trying."""

    sdp: str
    """Without the candidates that take time to resolve."""
    kinds: frozenset[str]
    """Which of "audio" and "video" are asked for."""
    slow: Fragment | None
    """The candidates that were left out."""
    ice_users: frozenset[str]
    """The user names of the client's ICE; others would mean a restart."""


def read_offer(sdp: str) -> Offer:
    """Read an offer.

    Raises:
        InvalidInput: it is none, asks for neither sound nor pictures, or contradicts itself.
    """
    try:
        parsed = SessionDescription.parse(sdp)
    # aiortc's parser raises whatever its string handling meets: ValueError, IndexError, …
    except Exception as error:
        raise InvalidInput("The body is not an SDP offer.") from error
    kinds = [media.kind for media in parsed.media]
    if not {"audio", "video"}.intersection(kinds):
        raise InvalidInput("The SDP offer has neither an audio nor a video section.")
    if unknown := set(kinds).difference(KINDS):
        raise InvalidInput(f"The SDP offer has a section of kind {min(unknown)[:80]!r}.")
    if len(kinds) > len(set(kinds)):
        raise InvalidInput("The SDP offer has more than one section of a kind.")
    if not all(media.dtls and media.dtls.fingerprints for media in parsed.media):
        raise InvalidInput(
            "Every section of an SDP offer needs an a=fingerprint, or they share one."
        )
    _check_bundle(parsed)
    quick, slow = detach_slow(sdp)
    users = frozenset(filter(None, map(_ice_user, parsed.media)))
    return Offer(quick, frozenset(kinds) & {"audio", "video"}, slow, users)


def _check_bundle(parsed: SessionDescription) -> None:
    """Raise InvalidInput unless sections have names of their own, and bundles name sections."""
    names = [media.rtp.muxId for media in parsed.media]
    if len(set(names)) < len(names):
        raise InvalidInput("Every section of an SDP offer needs an a=mid of its own.")
    for group in parsed.group:
        if group.semantic == "BUNDLE" and not set(group.items) <= set(names):
            raise InvalidInput("The SDP offer bundles a section that it does not have.")


def _ice_user(media: MediaDescription) -> str | None:
    return media.ice.usernameFragment if media.ice else None
