from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.errors import InvalidInput
from jamflow_rt.serve.trickle import MAX_CANDIDATES, detach_slow, parse_fragment

CANDIDATE = "a=candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host"
RELAY = "a=candidate:2 1 udp 16777215 198.51.100.1 60000 typ relay raddr 192.0.2.7 rport 50000"
HIDDEN = "a=candidate:3 1 udp 2113937151 6f0e9a4c-1b2d.local 50001 typ host"
SECTION = (
    "a=ice-ufrag:abcd",
    "a=ice-pwd:secretsecretsecretsecret",
    "m=video 9 RTP/AVP 0",
    "a=mid:0",
)


def lines(*text: str) -> str:
    return "\r\n".join([*text, ""])


def test_a_fragment_gives_its_candidates() -> None:
    fragment = parse_fragment(lines(*SECTION, CANDIDATE, RELAY, "a=end-of-candidates"))
    assert fragment.username == "abcd"
    assert fragment.complete
    host, relay = fragment.candidates
    assert (host.ip, host.port, host.type, host.sdpMid) == ("192.0.2.7", 50000, "host", "0")
    assert (relay.type, relay.relatedAddress, relay.sdpMid) == ("relay", "192.0.2.7", "0")


def test_a_fragment_may_only_say_that_no_more_come() -> None:
    fragment = parse_fragment("a=end-of-candidates\n")
    assert (fragment.candidates, fragment.complete) == ((), True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "neither candidates"),
        (lines("a=mid:0"), "neither candidates"),
        ("hello", "none of SDP"),
        (lines(*SECTION, "candidate:1"), "none of SDP"),
        (lines(*SECTION, "a=candidate:1 1 udp"), "cannot be read"),
        (lines(*SECTION, CANDIDATE.replace("50000", "many")), "cannot be read"),
        (lines(CANDIDATE), "a=mid"),
        (lines(*SECTION, "m=audio 9 RTP/AVP 0", CANDIDATE), "a=mid"),
        (lines(*SECTION, *[CANDIDATE] * (MAX_CANDIDATES + 1)), "more than"),
    ],
)
def test_what_is_no_fragment_is_refused_with_its_reason(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_fragment(text)


@given(st.lists(st.one_of(st.sampled_from([*SECTION, CANDIDATE, RELAY]), st.text()), max_size=8))
def test_any_text_is_read_or_refused(text: list[str]) -> None:
    try:
        fragment = parse_fragment("\n".join(text))
    except InvalidInput as error:
        assert str(error)
    else:
        assert fragment.candidates or fragment.complete or fragment.username is not None


OFFER = lines(
    "v=0",
    "o=- 1 1 IN IP4 0.0.0.0",
    "s=-",
    "t=0 0",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "c=IN IP4 0.0.0.0",
    "a=mid:0",
    "a=rtpmap:96 VP8/90000",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:secretsecretsecretsecret",
)


def test_names_of_mdns_are_taken_out_of_an_offer_to_be_added_later() -> None:
    offer = OFFER + lines(CANDIDATE, HIDDEN, "a=end-of-candidates")
    quick, slow = detach_slow(offer)
    assert quick == OFFER + lines(CANDIDATE)
    assert slow is not None
    assert slow.complete
    (candidate,) = slow.candidates
    assert (candidate.ip, candidate.sdpMid) == ("6f0e9a4c-1b2d.local", "0")


def test_an_offer_without_such_names_stays_as_it_is() -> None:
    offer = OFFER + lines(CANDIDATE, "a=end-of-candidates")
    assert detach_slow(offer) == (offer, None)
