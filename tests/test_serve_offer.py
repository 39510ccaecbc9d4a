from __future__ import annotations

import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.offer import read_offer
from tests.sdp_examples import OFFER_LINES


def sdp(*lines: str) -> str:
    return "\r\n".join([*lines, ""])


def without(*starts: str) -> str:
    return sdp(*(line for line in OFFER_LINES if not line.startswith(starts)))


def test_a_browser_s_offer_is_read() -> None:
    offer = read_offer(sdp(*OFFER_LINES))
    assert offer.kinds == {"audio", "video"}
    assert offer.ice_users == {"3+yL"}
    # What hides behind names comes later.
    assert offer.slow is not None and len(offer.slow.candidates) == 6
    assert ".local" not in offer.sdp
    assert "127.0.0.1 50000" in offer.sdp


def test_one_of_sound_and_pictures_will_do() -> None:
    first = OFFER_LINES.index(next(line for line in OFFER_LINES if line.startswith("m=audio")))
    only_video = [line.replace("BUNDLE 0 1 2", "BUNDLE 0") for line in OFFER_LINES[:first]]
    assert read_offer(sdp(*only_video)).kinds == {"video"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "neither an audio nor a video"),
        ("hello", "neither an audio nor a video"),
        ("m=video", "not an SDP offer"),
        (without("m=video", "m=audio"), "neither an audio nor a video"),
        (sdp(*OFFER_LINES, *OFFER_LINES[7:]), "more than one section"),
        (sdp(*OFFER_LINES, "m=text 9 RTP/AVP 98"), "kind 'text'"),
        (without("a=mid:"), "a=mid of its own"),
        (without("a=mid:0"), "bundles a section"),
        (without("a=fingerprint"), "a=fingerprint"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_reason(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_offer(text)
