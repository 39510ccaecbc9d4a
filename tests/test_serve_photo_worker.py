from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from jamflow_rt.errors import Failed, InvalidInput, JamflowError, NotSupported
from jamflow_rt.render.mesh import MeshRenderer
from jamflow_rt.render.portrait import Portrait
from jamflow_rt.render.portraits import load_portrait
from jamflow_rt.serve import photo_worker
from jamflow_rt.serve.photo_worker import (
    TooManyPixels,
    WrongKind,
    decode_photo,
    make_portrait,
    pack,
    read_answer,
    unpack,
    work,
)
from tests.picture_files import FILES, PIXELS, picture_file, png
from tests.test_photo import face, photograph

# Decoding


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_come_upright_and_without_metadata(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    exif[0x010E] = "where I live"
    pixels = decode_photo(picture_file(kind, exif=exif), PIXELS)
    assert pixels.shape == (40, 20, 3)
    assert pixels.dtype == np.uint8
    assert pixels[:, -2:].mean() > 200 > pixels[:, :10].mean()


def test_transparent_places_are_white() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(file, "PNG")
    assert (decode_photo(file.getvalue(), PIXELS) == 255).all()
    file = io.BytesIO()
    Image.new("P", (4, 4), 0).save(file, "PNG", transparency=0)
    assert (decode_photo(file.getvalue(), PIXELS) == 255).all()


@pytest.mark.parametrize("mode", ["L", "I;16", "1", "CMYK", "P", "LA"])
def test_all_kinds_of_colour_become_rgb(mode: str) -> None:
    file = io.BytesIO()
    Image.new(mode, (6, 4)).save(file, "JPEG" if mode == "CMYK" else "PNG")
    assert decode_photo(file.getvalue(), PIXELS).shape == (4, 6, 3)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO", "PPM"])
def test_the_content_decides_about_the_kind(kind: str) -> None:
    with pytest.raises(WrongKind, match="JPEG, PNG or WebP"):
        decode_photo(picture_file(kind, (16, 16)), PIXELS)


def test_a_bomb_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(image: Image.Image) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(Image.Image, "load", loaded)
    for side in (101, 15_000, 60_000, 2**31 - 1):
        with pytest.raises(TooManyPixels, match="megapixels"):
            decode_photo(png(side, side, zlib.compress(bytes(1000))), PIXELS)


def test_a_bomb_behind_an_honest_header_stays_small() -> None:
    # 16 MB of zeros in 16 kB, where 100 x 100 are announced.
    pixels = decode_photo(png(100, 100, zlib.compress(bytes(16_000_000))), PIXELS)
    assert pixels.shape == (100, 100, 3)


def test_text_in_a_png_may_not_swell() -> None:
    text = zlib.compress(bytes(20_000_000))
    body = b"Comment\0\0" + text
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + body))
    small = FILES["PNG"]
    with pytest.raises(InvalidInput, match="damaged"):
        decode_photo(small[:33] + chunk + small[33:], PIXELS)


def decoded_or_refused(data: bytes) -> None:
    try:
        pixels = decode_photo(data, PIXELS)
    except InvalidInput:
        return
    assert pixels.dtype == np.uint8 and pixels.shape[2] == 3
    assert pixels.shape[0] * pixels.shape[1] <= PIXELS


starts = st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBPVP8 "])


@given(starts, st.binary(max_size=200))
@example(b"", b"")
@example(b"RIFF", b"")
def test_random_bytes_are_refused(start: bytes, data: bytes) -> None:
    decoded_or_refused(start + data)


@given(st.sampled_from(sorted(FILES)), st.integers(0, 400))
def test_truncated_files_are_refused(kind: str, length: int) -> None:
    data = FILES[kind]
    decoded_or_refused(data[: min(length, len(data) - 1)])


@given(st.sampled_from(sorted(FILES)), st.data())
def test_mutated_files_are_refused_or_small(kind: str, data: st.DataObject) -> None:
    changed = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        width = data.draw(st.integers(0, 4))
        changed[place : place + width] = data.draw(st.binary(max_size=6))
        changed = changed or bytearray(b"\0")
    decoded_or_refused(bytes(changed))


def test_no_warning_of_a_decoder_gets_out() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for data in (png(100, 100, b""), FILES["JPEG"][:200], png(90, 90, zlib.compress(b""))):
            decoded_or_refused(data)
    assert caught == []


# Portraits


def test_a_photograph_becomes_a_portrait_that_travels() -> None:
    pixels, landmarks = photograph(face())
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    find = lambda picture: landmarks.astype(np.float32)  # noqa: E731
    portrait = make_portrait(file.getvalue(), 1_000_000, find)
    packed = pack(portrait)
    again = unpack(packed)
    assert [layer.name for layer in again.layers] == [layer.name for layer in portrait.layers]
    # What layers share is packed once.
    images = {id(layer.image): layer.image.nbytes for layer in portrait.layers}
    assert len(images) < len(portrait.layers)
    assert len({id(layer.image) for layer in again.layers}) == len(images)
    assert len(packed) < 1.5 * sum(images.values())
    pictures = [MeshRenderer(one, face().landmarks, 64).render(face()) for one in (portrait, again)]
    np.testing.assert_array_equal(*pictures)


@pytest.mark.parametrize("data", [b"", b"x" * 20, pack(load_portrait())[:5000]])
def test_what_is_no_packed_portrait_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="no packed portrait"):
        unpack(data)


@pytest.mark.parametrize(
    "error",
    [
        WrongKind("kind"),
        TooManyPixels("large"),
        InvalidInput("no face"),
        NotSupported("no MediaPipe"),
        Failed("broken"),
    ],
)
def test_errors_travel(error: JamflowError, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(data: bytes, max_pixels: int) -> Portrait:
        raise error

    monkeypatch.setattr(photo_worker, "make_portrait", failing)
    with pytest.raises(JamflowError) as raised:
        read_answer(work(b"", PIXELS))
    assert type(raised.value) is type(error)
    assert str(raised.value) == str(error)


def test_a_process_that_says_nothing_failed() -> None:
    with pytest.raises(Failed):
        read_answer(b"")
