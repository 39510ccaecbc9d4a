from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from jamflow_rt.serve.encoder import (
    PACKET_SAMPLES,
    TICKS_PER_PICTURE,
    VIDEO_TIME_BASE,
    SoundEncoder,
    VideoEncoder,
)

TASKS = Path("/proc/self/task")


@pytest.fixture
def encoder() -> Iterator[VideoEncoder]:
    encoder = VideoEncoder()
    yield encoder
    encoder.close()


def native_threads() -> set[Path]:
    """All of this process, also those that Python does not know."""
    return set(TASKS.iterdir())


def picture(shift: int, height: int = 128, width: int = 96) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 60 * np.sin((x + shift) / 9), 100 + 50 * np.cos(y / 11), 90 + 0 * x]
    return np.stack(planes, -1).astype(np.uint8)


async def test_what_goes_in_comes_out(encoder: VideoEncoder) -> None:
    decoder = av.CodecContext.create("libvpx", "r")
    for index in range(10):
        packet = await encoder.encode(picture(index), index * TICKS_PER_PICTURE)
        assert packet is not None
        assert packet.pts == index * TICKS_PER_PICTURE
        assert packet.time_base == VIDEO_TIME_BASE
        assert packet.is_keyframe == (index == 0)
        (decoded,) = decoder.decode(packet)
    difference = decoded.to_ndarray(format="rgb24").astype(int) - picture(9)
    assert np.abs(difference).mean() < 6


@pytest.mark.skipif(not TASKS.is_dir(), reason="threads are counted as Linux tells them")
async def test_an_encoder_has_one_thread_and_leaves_none() -> None:
    before = native_threads()
    encoder = VideoEncoder()
    for index in range(3):
        await encoder.encode(picture(index, 512, 512), index * TICKS_PER_PICTURE)
    assert len(native_threads() - before) == 1
    encoder.close()
    async with asyncio.timeout(5):
        while native_threads() - before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_key_frame_comes_when_asked_for(encoder: VideoEncoder) -> None:
    kinds = []
    for index in range(6):
        packet = await encoder.encode(picture(index), index * TICKS_PER_PICTURE, index == 3)
        assert packet is not None
        kinds.append(packet.is_keyframe)
    assert kinds == [True, False, False, True, False, False]


async def test_pictures_may_be_odd_strided_and_change_their_size(encoder: VideoEncoder) -> None:
    for index, shown in enumerate([picture(0, 65, 97), picture(0)[::-1, ::-1], picture(0, 32, 32)]):
        packet = await encoder.encode(shown, index * TICKS_PER_PICTURE)
        assert packet is not None
        assert packet.is_keyframe


def test_sound_survives_opus() -> None:
    encoder, decoder = SoundEncoder(), av.CodecContext.create("libopus", "r")
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.int16)
    heard = []
    for index in range(50):
        pcm = tone[index * PACKET_SAMPLES : (index + 1) * PACKET_SAMPLES]
        packet = encoder.encode(pcm, 7 * PACKET_SAMPLES + index * PACKET_SAMPLES)
        assert packet.pts == (7 + index) * PACKET_SAMPLES
        heard += [frame.to_ndarray().ravel() for frame in decoder.decode(packet)]
    level = np.sqrt(np.mean(np.concatenate(heard)[9600:].astype(float) ** 2))
    assert level == pytest.approx(8000 / np.sqrt(2), rel=0.02)
