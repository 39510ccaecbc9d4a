from __future__ import annotations

import numpy as np
import pytest

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.client.decoding import PACKET_SAMPLES, Halver, PictureDecoder, SoundDecoder
from jamflow_rt.serve.encoder import SoundEncoder, VideoEncoder
from jamflow_rt.serve.resample import Doubler
from tests.serve_fakes import make_frame

TONE = 440.0


def tone(samples: int, rate: int, frequency: float = TONE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(samples) / rate)).astype(np.float32)


def test_half_the_rate_is_the_same_sound() -> None:
    halver = Halver()
    sound = tone(9600, 48_000)
    halved = np.concatenate(
        [halver.push(sound[start : start + 960]) for start in range(0, 9600, 960)]
    )
    assert halved.shape == (4800,)
    # Later by half of the filter: 15.5 samples of the higher rate.
    at = (2 * np.arange(4800) - 15.5) / 48_000
    assert halved[100:] == pytest.approx(0.5 * np.sin(2 * np.pi * TONE * at)[100:], abs=2e-3)


def test_what_the_lower_rate_cannot_carry_is_gone() -> None:
    high = Halver().push(tone(9600, 48_000, 17_000.0))
    assert np.abs(high[100:]).max() < 0.01


def test_chunks_do_not_change_the_sound() -> None:
    sound = tone(1920, 48_000)
    halver = Halver()
    pieces = [halver.push(sound[start : start + 96]) for start in range(0, 1920, 96)]
    assert np.concatenate(pieces) == pytest.approx(Halver().push(sound))


def test_sound_comes_through_opus_at_its_level() -> None:
    encoder, decoder, doubler = SoundEncoder(), SoundDecoder(), Doubler()
    heard = []
    for number in range(40):
        at = np.arange(PACKET_SAMPLES) + number * PACKET_SAMPLES
        sound = (0.5 * np.sin(2 * np.pi * TONE * at / SAMPLE_RATE)).astype(np.float32)
        pcm = np.round(doubler.push(sound) * 32767).astype(np.int16)
        heard.append(decoder.decode(bytes(encoder.encode(pcm, number * 960))))
    assert {len(piece) for piece in heard} == {PACKET_SAMPLES}
    later = np.concatenate(heard)[SAMPLE_RATE // 4 :]
    assert np.sqrt((later**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    spectrum = np.abs(np.fft.rfft(later * np.hanning(len(later))))
    peak = np.argmax(spectrum) * SAMPLE_RATE / len(later)
    assert peak == pytest.approx(TONE, abs=4)


@pytest.mark.parametrize("packet", [None, b"", b"\xff" * 40])
def test_a_missing_or_broken_packet_is_20_ms_all_the_same(packet: bytes | None) -> None:
    sound = SoundDecoder().decode(packet)
    assert sound.shape == (PACKET_SAMPLES,)
    assert np.isfinite(sound).all()


async def test_pictures_come_through_vp8() -> None:
    encoder, decoder = VideoEncoder(), PictureDecoder()
    for index in range(4):
        picture = make_frame(index).picture
        assert picture is not None
        packet = await encoder.encode(picture, index * 3600, index == 0)
        assert packet is not None
        shown = decoder.decode(bytes(packet), packet.is_keyframe)
        assert shown is not None and shown.shape == picture.shape
        assert np.abs(shown.astype(int) - picture).mean() < 12
    encoder.close()


async def test_nothing_is_shown_before_a_key_frame_nor_after_a_broken_one() -> None:
    encoder, decoder = VideoEncoder(), PictureDecoder()
    packets = []
    for index in range(4):
        picture = make_frame(index).picture
        assert picture is not None
        packet = await encoder.encode(picture, index * 3600, index in (0, 3))
        assert packet is not None
        packets.append(bytes(packet))
    encoder.close()
    assert decoder.decode(packets[1], False) is None
    assert decoder.decode(packets[0], True) is not None
    assert decoder.decode(b"", False) is None or decoder.decode(packets[1], False) is not None
    assert decoder.decode(packets[3], True) is not None
