from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import av
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from jamflow_rt.serve.encoder import SOUND_CLOCK, VideoEncoder
from jamflow_rt.serve.tracks import (
    PACKET_SAMPLES,
    PICTURE_LAG,
    SOUND_DELAY,
    Feed,
    Lane,
    PictureTrack,
    SoundTrack,
    Timed,
)
from tests.serve_fakes import make_frame


class Tracks:
    """Both tracks and their feed, stopped at the end of the test."""

    def __init__(self) -> None:
        self.sound = SoundTrack()
        self.picture = PictureTrack(VideoEncoder())
        self.feed = Feed(self.sound, self.picture)


@pytest.fixture
async def tracks() -> AsyncIterator[Tracks]:
    tracks = Tracks()
    yield tracks
    tracks.sound.stop()
    tracks.picture.stop()


async def test_pictures_are_25_a_second_on_the_90_khz_clock(tracks: Tracks) -> None:
    pts = []
    for index in range(5):
        tracks.feed.push(make_frame(index))
        packet = await tracks.picture.recv()
        assert packet.time_base.denominator == 90_000
        pts.append(packet.pts)
    assert pts == [0, 3600, 7200, 10_800, 14_400]


async def test_sound_comes_in_20_ms_packets_at_48_khz(tracks: Tracks) -> None:
    pts = []
    for index in range(4):
        tracks.feed.push(make_frame(index, speech_id="s"))
        for _ in range(2):
            packet = await tracks.sound.recv()
            assert packet.time_base.denominator == 48_000
            pts.append(packet.pts)
    assert pts == [960 * number for number in range(8)]


async def test_sound_is_queued_whole_at_its_level(tracks: Tracks) -> None:
    pieces = []
    for index in range(8):
        tracks.feed.push(make_frame(index, speech_id="s"))
        pieces += [(await tracks.sound.lane.get()).item for _ in range(2)]
    assert {len(piece) for piece in pieces} == {PACKET_SAMPLES}
    queued = np.concatenate(pieces)[1000:].astype(float) / 32767
    assert np.abs(queued).max() == pytest.approx(0.5, abs=0.01)
    # A 440 Hz tone never jumps by more than its steepest slope.
    assert np.abs(np.diff(queued)).max() < 0.5 * 2 * np.pi * 440 / 48_000 * 1.05


async def test_too_loud_sound_is_clipped_and_does_not_wrap(tracks: Tracks) -> None:
    tracks.feed.push(replace(make_frame(0), sound=np.full(960, 3.0, np.float32)))
    await tracks.sound.lane.get()
    assert (await tracks.sound.lane.get()).item.min() == 32767


async def test_time_stamps_follow_a_jump_of_time(tracks: Tracks) -> None:
    stamps = []
    for index in (0, 1, 5, 6):
        tracks.feed.push(make_frame(index, speech_id="s"))
        stamps += [(await tracks.sound.recv()).pts for _ in range(2)]
    assert stamps == [PACKET_SAMPLES * number for number in (0, 1, 2, 3, 10, 11, 12, 13)]


async def test_picture_and_sound_of_a_frame_have_the_same_time_however_they_leave(
    tracks: Tracks,
) -> None:
    for index in (0, 7, 1000):
        tracks.feed.push(make_frame(index))
        picture = await tracks.picture.lane.get()
        first = await tracks.sound.lane.get()
        second = await tracks.sound.lane.get()
        assert picture.pts / 90_000 == pytest.approx(first.pts / 48_000)
        assert second.pts == first.pts + PACKET_SAMPLES
        assert picture.due == pytest.approx(first.due + PICTURE_LAG)
        assert picture.planned == pytest.approx(first.planned + SOUND_DELAY)
        assert second.due == pytest.approx(first.due + 0.02)


async def test_decoded_sound_is_late_by_what_pictures_wait_for_it(tracks: Tracks) -> None:
    # Noise has no period that could be mistaken for a delay.
    noise = np.random.default_rng(0).normal(0, 0.1, 25 * 960).astype(np.float32)
    sent = np.repeat(noise.reshape(25, 480, 2).mean(2), 2, axis=1).astype(np.float32)
    decoder = av.CodecContext.create("opus", "r")
    heard = []
    for index in range(25):
        tracks.feed.push(replace(make_frame(index), sound=sent[index]))
        for _ in range(2):
            packet = av.Packet(bytes(await tracks.sound.recv()))
            heard += [frame.to_ndarray().mean(0) for frame in decoder.decode(packet)]
    decoded = np.concatenate(heard)
    reference = np.repeat(sent.ravel(), 2)
    span = slice(SOUND_CLOCK // 10, SOUND_CLOCK // 2)
    alike = [np.dot(np.roll(decoded, -delay)[span], reference[span]) for delay in range(1000)]
    # Repeating samples, as the reference does, is half a sample of 24 kHz early.
    assert np.argmax(alike) / SOUND_CLOCK == pytest.approx(SOUND_DELAY, abs=0.00005)


async def test_what_leaves_late_is_planned_on_the_media_clock(
    tracks: Tracks, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    planned = []
    # The session hands out its frames late: the third by 100 ms.
    for index, late in enumerate((0.0, 0.03, 0.1, 0.0)):
        with monkeypatch.context() as clock:
            clock.setattr(loop, "time", lambda at=start + 0.04 * index + late: at)
            tracks.feed.push(make_frame(index))
        picture = await tracks.picture.lane.get()
        first = await tracks.sound.lane.get()
        second = await tracks.sound.lane.get()
        assert picture.planned - first.planned == pytest.approx(SOUND_DELAY)
        assert second.planned - first.planned == pytest.approx(0.02)
        planned.append(first.planned - start)
    assert planned == pytest.approx([0.0, 0.04, 0.08, 0.12])


async def test_a_stall_is_a_gap_in_rtp_time_and_not_a_delay_of_all_that_follows(
    tracks: Tracks, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    pts, planned = [], []
    # The second frame is made up for, the third is not: the media clock begins anew there.
    for index, late in enumerate((0.0, 0.8, 2.33, 2.33)):
        with monkeypatch.context() as clock:
            clock.setattr(loop, "time", lambda at=start + 0.04 * index + late: at)
            tracks.feed.push(make_frame(index, speech_id="s"))
        picture = await tracks.picture.lane.get()
        first = await tracks.sound.lane.get()
        await tracks.sound.lane.get()
        assert picture.pts / 90_000 == pytest.approx(first.pts / 48_000)
        assert picture.planned - first.planned == pytest.approx(SOUND_DELAY)
        pts.append(first.pts / 48_000)
        planned.append(first.planned - start)
    assert pts == pytest.approx([0.0, 0.04, 2.4, 2.44], abs=0.011)
    # The reports stay on one line.
    assert np.array(planned) - pts == pytest.approx([0.0] * 4)


async def test_a_track_tells_what_was_planned_for_its_last_packet(tracks: Tracks) -> None:
    assert tracks.sound.planned is tracks.picture.planned is None
    tracks.feed.push(make_frame(0))
    await tracks.sound.recv()
    first = tracks.sound.planned
    assert first is not None
    await tracks.sound.recv()
    assert tracks.sound.planned == pytest.approx(first + 0.02)
    await tracks.picture.recv()
    assert tracks.picture.planned == pytest.approx(first + SOUND_DELAY)


async def test_sound_leaves_at_once(tracks: Tracks) -> None:
    now = asyncio.get_running_loop().time()
    tracks.feed.push(make_frame(0))
    assert (await tracks.sound.lane.get()).due == pytest.approx(now, abs=0.01)


async def test_pictures_leave_evenly_however_long_each_takes_to_be_encoded(
    tracks: Tracks, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 100.0

    async def sleep(seconds: float) -> None:
        nonlocal clock
        clock += seconds

    async def encode(self: VideoEncoder, *of: object) -> av.Packet[av.VideoStream]:
        nonlocal clock
        clock += next(taken)
        return av.Packet(b"encoded")

    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock)
    monkeypatch.setattr("jamflow_rt.serve.tracks.asyncio.sleep", sleep)
    monkeypatch.setattr(VideoEncoder, "encode", encode)
    taken = iter([0.004, 0.03, 0.012])
    left = []
    for index in range(3):
        clock = 100 + index / 25
        tracks.feed.push(make_frame(index))
        await tracks.picture.recv()
        left.append(clock - 100 - index / 25)
    assert left == pytest.approx([PICTURE_LAG] * 3)


async def test_a_newer_epoch_drops_what_is_queued_in_both_tracks(tracks: Tracks) -> None:
    tracks.feed.push(make_frame(0, speech_id="old", epoch=0))
    tracks.feed.push(make_frame(1, speech_id="old", epoch=0))
    tracks.feed.push(make_frame(2, epoch=1))
    assert len(tracks.sound.lane) == 2
    assert len(tracks.picture.lane) == 1
    assert (await tracks.sound.recv()).pts == 4 * PACKET_SAMPLES
    assert (await tracks.picture.recv()).pts == 2 * 3600


async def test_a_packet_whose_time_has_not_come_is_dropped_by_a_newer_epoch() -> None:
    lane: Lane[str] = Lane(limit=4)
    now = asyncio.get_running_loop().time()
    lane.put(Timed("old", now + 0.05, 0, epoch=0))
    waiting = asyncio.ensure_future(lane.get_due())
    await asyncio.sleep(0)
    lane.put(Timed("new", now, 1, epoch=1))
    assert (await waiting).item == "new"


async def test_a_full_lane_drops_its_oldest() -> None:
    lane: Lane[int] = Lane(limit=3)
    for number in range(5):
        lane.put(Timed(number, 0.0, number, epoch=0))
    assert lane.dropped == 2
    assert [(await lane.get()).item for _ in range(3)] == [2, 3, 4]


async def test_a_frame_without_picture_sends_only_sound(tracks: Tracks) -> None:
    tracks.feed.push(replace(make_frame(0), picture=None))
    assert len(tracks.picture.lane) == 0
    assert len(tracks.sound.lane) == 2


async def test_a_key_frame_can_be_asked_for(tracks: Tracks) -> None:
    kinds = []
    for index in range(4):
        if index == 2:
            tracks.picture.request_keyframe()
        tracks.feed.push(make_frame(index))
        kinds.append((await tracks.picture.recv()).is_keyframe)
    assert kinds == [True, False, True, False]


async def test_stopped_tracks_end_for_whoever_waits(tracks: Tracks) -> None:
    waiting = [asyncio.ensure_future(track.recv()) for track in (tracks.sound, tracks.picture)]
    await asyncio.sleep(0)
    tracks.sound.stop()
    tracks.picture.stop()
    for each in waiting:
        with pytest.raises(MediaStreamError):
            await each
    tracks.feed.push(make_frame(0))
    with pytest.raises(MediaStreamError):
        await tracks.sound.recv()
