from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jamflow_rt.codec.arkit import ARKIT_NAMES
from jamflow_rt.errors import InvalidInput
from jamflow_rt.protocol import MediaFrame, MediaKind, MotionPayload
from jamflow_rt.protocol.binary import HEADER

FRAMES = st.builds(
    MediaFrame,
    kind=st.sampled_from(MediaKind),
    epoch=st.integers(0, 2**32 - 1),
    time=st.integers(0, 2**64 - 1),
    payload=st.binary(max_size=50),
    flag=st.booleans(),
)
LATENTS = arrays.arrays(
    np.float32, st.integers(0, 40), elements=st.floats(-60_000, 60_000, width=32)
)
ARKIT = arrays.arrays(np.float32, len(ARKIT_NAMES), elements=st.floats(0, 1, width=32))


def test_the_header_is_as_written_down() -> None:
    frame = MediaFrame(MediaKind.VIDEO, 0x01020304, 0x1112131415161718, b"vp8", flag=True)
    assert frame.pack() == bytes.fromhex("01010000 01020304 1112131415161718") + b"vp8"
    assert HEADER.size == 16
    assert [kind.value for kind in MediaKind] == [1, 2, 3, 4]


@given(FRAMES)
def test_frames_survive_the_wire(frame: MediaFrame) -> None:
    assert MediaFrame.unpack(frame.pack()) == frame


def test_flags_that_mean_nothing_are_ignored() -> None:
    packed = MediaFrame(MediaKind.AUDIO, 0, 0, b"x").pack()
    assert MediaFrame.unpack(packed[:1] + b"\xfe" + packed[2:]) == MediaFrame.unpack(packed)


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        (b"", "16 bytes"),
        (bytes(15), "16 bytes"),
        (bytes(16), "media kind 0"),
        (b"\x05" + bytes(15), "media kind 5"),
        (b"\x01\x00\x00\x02" + bytes(12), "reserved"),
    ],
)
def test_malformed_frames_are_refused(message: bytes, wrong: str) -> None:
    with pytest.raises(InvalidInput, match=wrong):
        MediaFrame.unpack(message)


@pytest.mark.parametrize(("epoch", "time"), [(-1, 0), (2**32, 0), (0, -1), (0, 2**64)])
def test_what_has_no_place_in_the_header_is_refused(epoch: int, time: int) -> None:
    with pytest.raises(InvalidInput, match="epoch has 32 bits"):
        MediaFrame(MediaKind.AUDIO, epoch, time, b"").pack()


@given(LATENTS, ARKIT)
def test_motion_survives_the_wire_as_precisely_as_it_travels(
    latents: np.ndarray, arkit: np.ndarray
) -> None:
    payload = MotionPayload(latents, arkit).pack()
    assert len(payload) == 2 + 2 * len(latents) + 52
    read = MotionPayload.unpack(payload)
    assert read.latents.dtype == read.arkit.dtype == np.float32
    # Half floats have 11 significant bits, and steps of 2⁻²⁴ about zero.
    np.testing.assert_allclose(read.latents, latents, rtol=2**-11, atol=2**-25)
    np.testing.assert_allclose(read.arkit, arkit, atol=0.5 / 255 + 1e-6)
    # What came over the wire once goes over it unchanged.
    assert read.pack() == payload


def test_motion_is_as_written_down() -> None:
    arkit = np.zeros(52, np.float32)
    arkit[0], arkit[51] = 1.0, 0.2
    payload = MotionPayload(np.array([1.0, -2.0], np.float32), arkit).pack()
    assert payload == struct.pack(">Hee", 2, 1.0, -2.0) + b"\xff" + bytes(50) + b"\x33"


def test_motion_beyond_its_range_is_cut_off() -> None:
    arkit = np.full(52, 1.5, np.float32)
    arkit[0] = -0.5
    read = MotionPayload.unpack(MotionPayload(np.array([1e6, -1e6], np.float32), arkit).pack())
    assert read.latents.tolist() == [65504, -65504]
    assert (read.arkit[0], read.arkit[1]) == (0, 1)


@pytest.mark.parametrize(
    ("latents", "arkit"),
    [
        (np.zeros((1, 3)), np.zeros(52)),
        (np.zeros(65_536), np.zeros(52)),
        (np.zeros(3), np.zeros(51)),
        (np.array([np.nan]), np.zeros(52)),
        (np.array([np.inf]), np.zeros(52)),
        (np.zeros(3), np.full(52, np.nan)),
    ],
)
def test_motion_that_makes_no_sense_is_not_packed(latents: np.ndarray, arkit: np.ndarray) -> None:
    with pytest.raises(InvalidInput):
        MotionPayload(latents.astype(np.float32), arkit.astype(np.float32)).pack()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x00",
        bytes(53),
        bytes(55),
        b"\x00\x01" + bytes(52),
        struct.pack(">He", 1, float("nan")) + bytes(52),
        struct.pack(">He", 1, float("inf")) + bytes(52),
    ],
)
def test_malformed_motion_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidInput):
        MotionPayload.unpack(payload)
