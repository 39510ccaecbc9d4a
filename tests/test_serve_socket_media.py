from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.codec.arkit import ArkitMap
from jamflow_rt.protocol import MediaFrame, MediaKind, MotionPayload
from jamflow_rt.serve.socket_media import (
    KEPT_TEXTS,
    MAX_SOUNDS,
    MAX_TEXTS,
    MediaMode,
    Outbox,
    Packer,
    Sight,
    SocketFeed,
    Sound,
)
from jamflow_rt.stream.media import Frame
from tests.serve_fakes import make_frame
from tests.stream_fakes import toy_space

PCM = np.zeros(960, np.int16)
FRAME = make_frame(0)
MAX_SIGHTS = 3

Step = Literal["sound", "sight", "text", "take", "interrupt"]
steps = st.lists(
    st.sampled_from(["sound", "sound", "sound", "sight", "sight", "text", "take", "interrupt"]),
    max_size=400,
)


def sound(number: int, epoch: int = 0) -> Sound:
    return Sound(PCM, float(number), epoch)


def sight(number: int, epoch: int = 0) -> Sight:
    return Sight(FRAME, float(number), epoch)


@pytest.fixture
def outbox() -> Outbox:
    outbox = Outbox(MAX_SIGHTS)
    outbox.resume()
    return outbox


def waiting(outbox: Outbox, kind: type) -> list[Any]:
    return [item for item in outbox._queue if isinstance(item, kind)]


def taken(outbox: Outbox) -> list[Any]:
    items = []
    while (item := outbox.take()) is not None:
        items.append(item)
    return items


@given(steps)
def test_whatever_happens_nothing_changes_its_order_and_events_arrive(plan: list[Step]) -> None:
    outbox = Outbox(MAX_SIGHTS)
    outbox.resume()
    epoch, put, out = 0, [], []
    for number, step in enumerate(plan):
        match step:
            case "take":
                item = outbox.take()
                out += [] if item is None else [item]
                continue
            case "interrupt":
                epoch += 1
                continue
            case "text":
                item = str(number)
                outbox.put_text(item)
            case "sound":
                item = sound(number, epoch)
                outbox.put(item)
            case "sight":
                item = sight(number, epoch)
                outbox.put(item)
        put.append(item)
    out += taken(outbox)
    # What came out is what was put in, in its order, with gaps.
    rest: Iterator[Any] = iter(put)
    assert all(any(item is one for one in rest) for item in out)
    assert [item for item in out if isinstance(item, str)] == [
        item for item in put if isinstance(item, str)
    ]


@given(steps)
def test_sights_fall_out_before_sounds_and_a_second_of_sound_may_wait(plan: list[Step]) -> None:
    outbox = Outbox(MAX_SIGHTS)
    outbox.resume()
    for number, step in enumerate(plan):
        sounds, dropped = waiting(outbox, Sound), outbox.dropped_sounds
        match step:
            case "sound":
                outbox.put(sound(number))
                if outbox.dropped_sounds > dropped:
                    # There was a second of it, only the oldest fell out, and no sight was kept.
                    assert len(sounds) == MAX_SOUNDS
                    assert waiting(outbox, Sound)[:-1] == sounds[1:]
                    assert waiting(outbox, Sight) == []
            case "sight":
                sights = waiting(outbox, Sight)
                outbox.put(sight(number))
                assert waiting(outbox, Sight)[:-1] == sights[-(MAX_SIGHTS - 1) :]
                assert waiting(outbox, Sound) == sounds
            case "text":
                outbox.put_text(str(number))
                assert waiting(outbox, Sound) == sounds
            case "take":
                outbox.take()
            case "interrupt":
                pass
        assert len(waiting(outbox, Sound)) <= MAX_SOUNDS
        assert len(waiting(outbox, Sight)) <= MAX_SIGHTS


@given(steps)
def test_nothing_of_an_older_epoch_comes_after_an_interrupt(plan: list[Step]) -> None:
    outbox = Outbox(MAX_SIGHTS)
    outbox.resume()
    epoch = 0
    for number, step in enumerate(plan):
        match step:
            case "interrupt":
                epoch += 1
                outbox.put(sight(number, epoch))
                assert [item.epoch for item in waiting(outbox, Sight)] == [epoch]
                assert waiting(outbox, Sound) == []
            case "sound":
                outbox.put(sound(number, max(0, epoch - number % 2)))
            case "sight":
                outbox.put(sight(number, epoch))
            case "text":
                outbox.put_text(str(number))
            case "take":
                item = outbox.take()
                assert not isinstance(item, Sound | Sight) or item.epoch == outbox.epoch
    assert outbox.epoch == epoch


def test_what_fell_out_is_counted(outbox: Outbox) -> None:
    for number in range(MAX_SIGHTS + 2):
        outbox.put(sight(number))
    for number in range(MAX_SOUNDS + 1):
        outbox.put(sound(number))
    assert (outbox.dropped_sights, outbox.dropped_sounds) == (MAX_SIGHTS + 2, 1)


def test_without_a_socket_events_wait_and_media_are_not_taken(outbox: Outbox) -> None:
    outbox.put(sound(0))
    outbox.put_text("a")
    outbox.pause()
    outbox.put(sound(1))
    outbox.put(sight(1, epoch=1))
    outbox.put_text("b")
    outbox.resume("first")
    outbox.put(sound(2, epoch=1))
    assert taken(outbox) == ["first", "a", "b", sound(2, epoch=1)]


def test_before_the_first_socket_no_media_are_taken() -> None:
    outbox = Outbox()
    outbox.put(sound(0))
    outbox.put_text("a")
    assert taken(outbox) == ["a"]


@pytest.mark.parametrize(
    ("received", "again"), [(None, []), (0, ["0", "1", "2"]), (2, ["2"]), (3, []), (9, [])]
)
def test_events_that_did_not_arrive_go_once_more(received: int | None, again: list[str]) -> None:
    outbox = Outbox()
    for text in "012":
        outbox.put_text(text)
    taken(outbox)
    outbox.put_text("waiting")
    outbox.resume("first", received)
    assert taken(outbox) == ["first", *again, "waiting"]


def test_the_account_of_events_goes_on_over_several_sockets() -> None:
    outbox = Outbox()
    outbox.put_text("created")
    outbox.put_text("lost")
    taken(outbox)
    outbox.resume("again", received=1)
    assert taken(outbox) == ["again", "lost"]
    outbox.put_text("lost too")
    taken(outbox)
    # created, again, lost have arrived.
    outbox.resume("thrice", received=3)
    assert taken(outbox) == ["thrice", "lost too"]


def test_only_the_last_events_are_kept_after_they_were_sent() -> None:
    outbox = Outbox()
    for number in range(KEPT_TEXTS + 10):
        outbox.put_text(str(number))
    taken(outbox)
    outbox.resume(received=0)
    assert taken(outbox) == [str(number) for number in range(10, KEPT_TEXTS + 10)]


def test_a_client_that_reads_no_events_is_noticed(outbox: Outbox) -> None:
    for number in range(MAX_TEXTS):
        outbox.put_text(str(number))
    assert not outbox.overfull
    outbox.put_text("one more")
    assert outbox.overfull


async def test_whoever_waits_gets_what_comes_and_the_end(outbox: Outbox) -> None:
    getting = asyncio.ensure_future(outbox.get())
    await asyncio.sleep(0)
    outbox.put_text("a")
    assert await getting == "a"
    outbox.put_text("last")
    outbox.put(sound(0))
    outbox.close()
    outbox.put_text("too late")
    assert await outbox.get() == "last"
    assert await outbox.get() is None


# Frames of a session, and their messages


def put_frames(mode: MediaMode, *frames: Frame) -> Outbox:
    outbox = Outbox(12)
    outbox.resume()
    feed = SocketFeed(outbox, mode)
    for frame in frames:
        feed.push(frame)
    return outbox


@pytest.mark.parametrize(
    ("mode", "kinds"),
    [
        ("video", [Sight, Sound, Sound]),
        ("motion", [Sight, Sound, Sound]),
        ("audio", [Sound, Sound]),
    ],
)
def test_a_frame_is_seen_before_it_is_heard(mode: MediaMode, kinds: list[type]) -> None:
    items = taken(put_frames(mode, make_frame(0), make_frame(1)))
    assert [type(item) for item in items] == kinds * 2
    times = [round(1000 * item.time) for item in items]
    assert times == ([0, 20, 40, 60] if mode == "audio" else [0, 0, 20, 40, 40, 60])


def test_a_frame_without_picture_is_only_heard() -> None:
    items = taken(put_frames("video", replace(make_frame(0), picture=None)))
    assert [type(item) for item in items] == [Sound, Sound]


def test_sound_keeps_its_level_and_does_not_wrap() -> None:
    frames = [make_frame(index, speech_id="s") for index in range(4)]
    pcm = np.concatenate([item.pcm for item in taken(put_frames("audio", *frames))])
    assert pcm.dtype == np.int16
    assert np.abs(pcm[1000:]).max() / 32767 == pytest.approx(0.5, abs=0.01)
    loud = taken(put_frames("audio", replace(make_frame(0), sound=np.full(960, 3.0, np.float32))))
    assert loud[1].pcm.min() == 32767


async def pack(mode: MediaMode, *frames: Frame) -> list[MediaFrame]:
    packer = Packer(mode, toy_space())
    messages = [await packer.pack(item) for item in taken(put_frames(mode, *frames))]
    packer.close()
    return [MediaFrame.unpack(message) for message in messages if message is not None]


async def test_messages_carry_kind_epoch_and_time() -> None:
    media = await pack("video", make_frame(3, epoch=7))
    assert [(one.kind, one.epoch, one.time) for one in media] == [
        (MediaKind.VIDEO, 7, 120_000),
        (MediaKind.AUDIO, 7, 120_000),
        (MediaKind.AUDIO, 7, 140_000),
    ]


async def test_sound_is_one_opus_packet_of_20_ms() -> None:
    codec = av.CodecContext.create("libopus", "r")
    for one in await pack("audio", make_frame(0), make_frame(1)):
        (frame,) = codec.decode(av.Packet(one.payload))
        assert (frame.samples, frame.sample_rate) == (960, 48_000)


async def test_motion_travels_as_latents_and_coefficients() -> None:
    space = toy_space()
    latents = np.linspace(-1, 1, space.size, dtype=np.float32)
    (face,) = space.decode(latents[None])
    frame = replace(make_frame(0), motion=face, arkit_map=ArkitMap(space.neutral))
    motion = MotionPayload.unpack((await pack("motion", frame))[0].payload)
    assert motion.latents == pytest.approx(latents, abs=2e-3)
    assert motion.arkit == pytest.approx(list(frame.arkit.values()), abs=1 / 255)


async def test_a_key_frame_comes_first_after_an_interrupt_and_when_asked_for() -> None:
    packer = Packer("video", toy_space())
    flags = []
    for index, epoch in enumerate([0, 0, 1, 1, 1]):
        if index == 4:
            packer.refresh()
        message = await packer.pack(Sight(make_frame(index), index / 25, epoch))
        assert message is not None
        flags.append(MediaFrame.unpack(message).flag)
    packer.close()
    assert flags == [True, False, True, False, True]


async def test_pictures_that_fell_out_unsent_leave_a_stream_that_can_be_decoded() -> None:
    frames = [make_frame(index) for index in range(12)]
    outbox = Outbox(MAX_SIGHTS)
    outbox.resume()
    feed, packer = SocketFeed(outbox, "video"), Packer("video", toy_space())
    codec = av.CodecContext.create("vp8", "r")
    times = []
    for index, frame in enumerate(frames):
        feed.push(frame)
        if index % 6 != 5:
            continue
        for item in taken(outbox):
            if isinstance(item, Sight):
                message = await packer.pack(item)
                assert message is not None
                (shown,) = codec.decode(av.Packet(MediaFrame.unpack(message).payload))
                picture = shown.to_ndarray(format="rgb24").astype(int)
                assert item.frame.picture is not None
                assert np.abs(picture - item.frame.picture).mean() < 12
                times.append(round(item.time * 25))
    packer.close()
    assert times == [3, 4, 5, 9, 10, 11]
