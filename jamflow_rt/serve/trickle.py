"""What a client learns of its addresses after its offer: SDP fragments of trickle ICE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiortc import RTCIceCandidate
from aiortc.sdp import SessionDescription, candidate_from_sdp

from jamflow_rt.errors import InvalidInput

FRAGMENT: Final = "application/trickle-ice-sdpfrag"
MAX_CANDIDATES: Final = 64
"""Candidates of one fragment; a machine with many networks has about twenty."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A fragment of SDP (RFC 8840): candidates that were found since."""

    username: str | None
    """The client's ICE user name (`ice-ufrag`); another one than before asks for a restart."""
    candidates: tuple[RTCIceCandidate, ...]
    complete: bool
    """No further candidates come."""


def parse_fragment(text: str) -> Fragment:
    """Read a fragment. Raises InvalidInput naming the line that cannot be read."""
    username: str | None = None
    mid: str | None = None
    candidates: list[RTCIceCandidate] = []
    complete = False
    for line in filter(None, map(str.strip, text.splitlines())):
        kind, equals, value = line.partition("=")
        if not equals or len(kind) != 1:
            raise InvalidInput(f"The SDP fragment has a line that is none of SDP: {line[:80]!r}.")
        name, _, rest = value.partition(":")
        if kind == "m":
            mid = None
        elif kind != "a":
            continue
        elif name == "mid":
            mid = rest
        elif name == "ice-ufrag":
            username = rest
        elif name == "end-of-candidates":
            complete = True
        elif name == "candidate":
            candidates.append(_candidate(rest, mid))
            if len(candidates) > MAX_CANDIDATES:
                raise InvalidInput(f"The SDP fragment has more than {MAX_CANDIDATES} candidates.")
    if username is None and not candidates and not complete:
        raise InvalidInput(
            "The SDP fragment has neither candidates nor an ice-ufrag nor end-of-candidates."
        )
    return Fragment(username, tuple(candidates), complete)


def detach_slow(sdp: str) -> tuple[str, Fragment | None]:
    """An offer without the candidates that take time to resolve, and those, to be added later.

    Browsers hide their addresses behind names of mDNS (`….local`), which outside of their own
    network nobody answers: to wait for them would hold the answer back by a second.
    """
    slow: list[RTCIceCandidate] = []
    complete = False
    for media in SessionDescription.parse(sdp).media:
        complete = complete or media.ice_candidates_complete
        for candidate in media.ice_candidates:
            if candidate.ip.endswith(".local"):
                candidate.sdpMid = media.rtp.muxId
                slow.append(candidate)
    if not slow:
        return sdp, None
    kept = [line for line in sdp.splitlines() if not _is_slow(line)]
    return "\r\n".join([*kept, ""]), Fragment(None, tuple(slow[:MAX_CANDIDATES]), complete)


def _is_slow(line: str) -> bool:
    # The end of candidates comes after the slow ones.
    if line.strip() == "a=end-of-candidates":
        return True
    fields = line.split()
    return line.startswith("a=candidate:") and len(fields) > 4 and fields[4].endswith(".local")


def _candidate(text: str, mid: str | None) -> RTCIceCandidate:
    if mid is None:
        raise InvalidInput("The SDP fragment has a candidate outside of a section with a=mid.")
    try:
        candidate = candidate_from_sdp(text)
    # aiortc's parser raises whatever its string handling meets: AssertionError, ValueError, …
    except Exception as error:
        raise InvalidInput(f"The ICE candidate {text[:80]!r} cannot be read.") from error
    candidate.sdpMid = mid
    return candidate
