"""What goes wrong with what clients send: messages, offers and fragments of SDP, photographs.

Each function draws its damage from a seeded `random.Random`, which costs a hundredth of letting
hypothesis draw every single one.
"""

from __future__ import annotations

import json
import random
import re
from typing import Any, Final

from jamflow_rt import protocol
from jamflow_rt.protocol import MediaFrame, MediaKind
from tests.protocol_examples import CLIENT_EVENTS
from tests.sdp_examples import FRAGMENT_LINES, OFFER_LINES

VALID: Final = [
    *(protocol.dump_event(event) for event in CLIENT_EVENTS),
    *(protocol.dump_event(event.model_copy(update={"event_id": "é1"})) for event in CLIENT_EVENTS),
]
ODD: Final[list[Any]] = [
    *(None, True, False, 0, -1, 0.5, 2**31, 2**63, 10**400, 1e308, float("nan"), float("inf")),
    *("", "0", "response.create", "a" * 300, "\x00", "\u2028", "😀", "AAAA", "=" * 8),
    *([], [[]], [1, [2]], {}, {"type": "response.create"}, [[0.5] * 7], [[1e39] * 7]),
]
RAW: Final = [
    *(b"", b"\x00", b"\xff\xfe", b"{", b"[]", b"null", b'"x"', b"\xef\xbb\xbf{}"),
    *(b"[" * 60_000, b'{"a":' * 9_000, b"[" * 200 + b"]" * 200, b"1" * 5_000, b" " * 70_000),
    *(b'"\\ud800"', b'{"type":"\\ud83d\\ude00"}', b'{"type":"response.create","input":"\\udc00"}'),
]

ODD_FIELDS: Final = [
    *("", "0", "-1", "65536", "4294967296", "9" * 400, "1e9", "NaN", "0x10", "٣"),
    *("::1", "0.0.0.0", "256.1.1.1", "x.local", ".", "a" * 3000, "é", "😀", "\x00", "\u2028"),
    *("udp", "tcp", "relay", "BUNDLE", "video", "VP8/90000", "VP8/0", "opus/48000/0", "apt="),
]
ODD_LINES: Final = [
    *("", " ", "=", "m=", "a=", "v=0", "m=video 9 UDP/TLS/RTP/SAVPF", "m=text 9 RTP/AVP 98"),
    *("m=audio 9 UDP/TLS/RTP/SAVPF 111", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"),
    *("c=IN IP6 ::1", "c=IN IP4", "a=setup:passive", "a=setup:", "a=inactive", "a=sendonly"),
    *("a=group:BUNDLE 0 0 0", "a=group:BUNDLE", "a=mid:0", "a=ice-lite", "a=sctp-port:x"),
    *("a=fingerprint:sha-256", "a=fingerprint:md5 AA", "a=rtpmap:96 VP8", "a=rtpmap:x VP8/90000"),
    *("a=fmtp:96 x", "a=rtcp-fb:96", "a=ssrc:1", "a=ssrc:x cname:y", "a=extmap:0 x", "a=extmap:x"),
    *("a=candidate:", "a=end-of-candidates", "a=ice-ufrag:", "a=ice-pwd:", "a=rid:1 send"),
]


def damaged(chance: random.Random) -> str | bytes:
    """A valid message with one to three things wrong with it, or with none."""
    kind = chance.randrange(10)
    if kind == 0:
        return chance.choice(RAW)
    text = chance.choice(VALID)
    if kind <= 3:
        return text
    if kind <= 5:
        return damaged_bytes(text.encode(), chance)
    return damaged_object(json.loads(text), chance)


def damaged_bytes(data: bytes, chance: random.Random) -> bytes:
    """Bytes flipped, lost, doubled, or others between them."""
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0 if data:
                place %= len(data)
                wrong = data[place] ^ (1 << chance.randrange(8))
                data = data[:place] + bytes([wrong]) + data[place + 1 :]
            case 1:
                data = data[:place] + data[place + chance.randint(1, 9) :]
            case 2:
                data = data[:place] + chance.randbytes(chance.randint(1, 4)) + data[place:]
            case 3:
                data = data[:place]
            case _:
                data = data + data[place:]
    return data


def damaged_object(event: dict[str, Any], chance: random.Random) -> str:
    """Keys lost, doubled, renamed, and values of another kind."""
    keys = list(event)
    again = ""
    for _ in range(chance.randint(1, 3)):
        key = chance.choice(keys)
        match chance.randrange(6):
            case 0:
                event.pop(key, None)
            case 1:
                event[key + chance.choice(["", "s", " ", "\x00", "é"])] = chance.choice(ODD)
            case 2:
                again = f", {json.dumps(key)}: {json.dumps(chance.choice(ODD))}"
            case 3:
                event[key] = {key: event.get(key)}
            case 4:
                event[key] = [event.get(key)] * chance.randint(0, 3)
            case _:
                event[key] = chance.choice(ODD)
    text = json.dumps(event, ensure_ascii=chance.random() < 0.5)
    return text[:-1] + again + "}" if event else text


def damaged_media(chance: random.Random) -> bytes:
    """A binary frame with something wrong with it, or with nothing."""
    frame = MediaFrame(
        chance.choice([MediaKind.INPUT_AUDIO, *MediaKind]),
        chance.getrandbits(32),
        chance.getrandbits(64),
        chance.randbytes(chance.choice([0, 1, 2, 3, 54, 56, 640, 70_000])),
        chance.random() < 0.5,
    ).pack()
    return damaged_bytes(frame, chance) if chance.random() < 0.7 else frame


def damaged_offer(chance: random.Random) -> bytes:
    """A browser's SDP offer with some things wrong with it, or with none."""
    return _damaged_lines(OFFER_LINES, chance)


def damaged_fragment(chance: random.Random) -> bytes:
    """An SDP fragment of trickle ICE, likewise."""
    return _damaged_lines(FRAGMENT_LINES, chance)


def _damaged_lines(whole: tuple[str, ...], chance: random.Random) -> bytes:
    lines = list(whole)
    for _ in range(chance.choice([0, 1, 1, 2, 3, 8])):
        place = chance.randrange(len(lines) + 1)
        other = chance.randrange(len(lines) + 1)
        match chance.randrange(8):
            case 0:
                del lines[place : place + chance.choice([1, 1, 2, 30])]
            case 1:
                lines[place:place] = lines[other : other + chance.choice([1, 1, 5, 60])]
            case 2:
                lines.insert(place, chance.choice(ODD_LINES))
            case 3 if lines:
                lines.append(lines.pop(place % len(lines)))
            case 4:
                lines[place : place + 1] *= chance.choice([2, 70])
            case _ if lines:
                lines[place % len(lines)] = _damaged_line(lines[place % len(lines)], chance)
    data = chance.choice(["\r\n", "\r\n", "\n"]).join([*lines, ""]).encode("utf-8", "replace")
    return damaged_bytes(data, chance) if chance.random() < 0.2 else data


def _damaged_line(line: str, chance: random.Random) -> str:
    """One of its fields lost, doubled, or another."""
    fields = re.split(r"([ :=/;])", line)
    place = chance.randrange(len(fields))
    fields[place] = chance.choice(["", fields[place] * 2, chance.choice(ODD_FIELDS)])
    return "".join(fields)
