"""A stranger's photograph → a portrait, in a process of its own.

Decoders of pictures are large programs that read what strangers wrote, and a landmarker cannot be
told to hurry. In a process they can crash, or be ended, and the sessions go on. The photograph
comes by standard input and the portrait leaves by standard output; neither touches the disk.

    python -m jamflow_rt.serve.photo_worker MAX_PIXELS < me.jpg
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from jamflow_rt.errors import Failed, InvalidInput, JamflowError, NotSupported
from jamflow_rt.render.face_finder import find_face
from jamflow_rt.render.photo import portrait_from_photo
from jamflow_rt.render.portrait import Layer, Portrait

FORMATS: Final = ("JPEG", "PNG", "WEBP")
# First bytes of the formats; a WebP's lie behind the length of its file.
_JPEG, _PNG, _RIFF, _WEBP = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"WEBP"
_ARRAYS: Final = ("vertices", "uv", "triangles", "follow", "pull_index", "pull_weight")
_NICENESS: Final = 5
"""Sessions that speak come first, and photographs still get on."""
NAME: Final = "upload"


class WrongKind(InvalidInput):
    """The bytes are no picture of a kind that is taken."""


class TooManyPixels(InvalidInput):
    """The picture is larger than the server takes."""


# The first byte of what the process writes. A portrait follows, or what was wrong.
_PORTRAIT: Final = b"P"
_ERRORS: Final[dict[bytes, type[JamflowError]]] = {
    b"K": WrongKind,
    b"L": TooManyPixels,
    b"I": InvalidInput,
    b"N": NotSupported,
    b"F": Failed,
}


def check_kind(data: bytes) -> None:
    """Raise WrongKind unless the first bytes are a JPEG's, a PNG's or a WebP's."""
    webp = data[:4] == _RIFF and data[8:12] == _WEBP
    if not (webp or data.startswith((_JPEG, _PNG))):
        raise WrongKind("This is no JPEG, PNG or WebP: send a photograph in one of these formats.")


def decode_photo(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """The pixels of a photograph and nothing else of it: (H, W, 3) RGB, turned as its EXIF says.

    Raises:
        WrongKind: it is no JPEG, PNG or WebP.
        TooManyPixels: its header tells of more than `max_pixels`; nothing was decoded.
        InvalidInput: it is damaged.
    """
    check_kind(data)
    try:
        with warnings.catch_warnings():
            # Of odd metadata and of sizes that we check ourselves.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                return _pixels(opened, max_pixels)
    except JamflowError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many(max_pixels) from error
    except UnidentifiedImageError as error:
        raise InvalidInput("The picture is damaged: its header cannot be read.") from error
    # What Pillow and its decoders raise over damaged files is of every kind: OSError, SyntaxError,
    # struct.error, EOFError, ValueError, zlib.error, KeyError, … It is always the file.
    except Exception as error:
        raise InvalidInput("The picture is damaged: it cannot be read to its end.") from error


def _pixels(opened: Image.Image, max_pixels: int) -> NDArray[np.uint8]:
    if opened.width * opened.height > max_pixels:
        raise _too_many(max_pixels)
    opened.load()
    # Before the conversion: that loses the EXIF data.
    turned = ImageOps.exif_transpose(opened).convert("RGBA")
    flat = Image.new("RGB", turned.size, "white")
    flat.paste(turned, mask=turned.getchannel("A"))
    return np.array(flat)


def _too_many(max_pixels: int) -> TooManyPixels:
    return TooManyPixels(
        f"The picture has more than {max_pixels / 1e6:g} megapixels: make it smaller."
    )


def make_portrait(
    data: bytes,
    max_pixels: int,
    find: Callable[[NDArray[np.uint8]], NDArray[np.float32]] = find_face,
) -> Portrait:
    """A portrait of the only face in a photograph.

    Args:
        data: the file's bytes.
        max_pixels: see `decode_photo`.
        find: finds the landmarks (478, 3).

    Raises:
        InvalidInput: as `decode_photo`; or there is no face that will do.
        NotSupported: MediaPipe is not installed.
        Failed: the landmarker cannot be fetched.
    """
    picture = decode_photo(data, max_pixels)
    return portrait_from_photo(picture, find(picture), NAME)


def pack(portrait: Portrait) -> bytes:
    """A portrait as safetensors. Layers that share a picture go on sharing it."""
    images = {id(layer.image): layer.image for layer in portrait.layers}
    numbers = {key: index for index, key in enumerate(images)}
    tensors: dict[str, NDArray[np.generic]] = {
        "landmarks": portrait.landmarks,
        "origin": portrait.origin,
        "unit": np.array([portrait.unit], np.float64),
        "pose": portrait.pose,
    }
    for key, image in images.items():
        tensors[f"image.{numbers[key]}"] = image
    for place, layer in enumerate(portrait.layers):
        # Place, picture and name in the key: bytes in memory have no other metadata.
        prefix = f"layer.{place}.{numbers[id(layer.image)]}.{layer.name}"
        tensors |= {f"{prefix}/{name}": getattr(layer, name) for name in _ARRAYS}
    return save({key: np.ascontiguousarray(value) for key, value in tensors.items()})


def unpack(data: bytes) -> Portrait:
    """What `pack` made. Raises InvalidInput when it is something else."""
    try:
        tensors = load(data)
        prefixes = {key.partition("/")[0] for key in tensors if key.startswith("layer.")}
        layers: list[Layer] = []
        for prefix in sorted(prefixes, key=lambda prefix: int(prefix.split(".")[1])):
            _, _, image, name = prefix.split(".", 3)
            arrays = {key: tensors[f"{prefix}/{key}"] for key in _ARRAYS}
            layers.append(Layer(name=name, image=tensors[f"image.{image}"], **arrays))
        for tensor in tensors.values():
            tensor.setflags(write=False)
        return Portrait(
            name=NAME,
            landmarks=tensors["landmarks"],
            origin=tensors["origin"],
            unit=float(tensors["unit"][0]),
            layers=tuple(layers),
            pose=tensors["pose"],
        )
    except (SafetensorError, KeyError, IndexError, ValueError) as error:
        raise InvalidInput(f"This is no packed portrait: {error}") from error


def work(data: bytes, max_pixels: int) -> bytes:
    """What the process writes for a photograph: a portrait, or what is wrong with it."""
    try:
        return _PORTRAIT + pack(make_portrait(data, max_pixels))
    except JamflowError as error:
        kinds = [mark for mark, kind in _ERRORS.items() if type(error) is kind]
        return (kinds[0] if kinds else b"F") + str(error).encode()


def read_answer(answer: bytes) -> Portrait:
    """The portrait that `work` wrote.

    Raises:
        JamflowError: the one that it wrote instead; Failed when it wrote nothing.
    """
    if answer[:1] == _PORTRAIT:
        return unpack(answer[1:])
    kind = _ERRORS.get(answer[:1])
    if kind is None:
        raise Failed("The process that makes portraits broke.")
    raise kind(answer[1:].decode("utf-8", "replace"))


def main() -> None:
    """From standard input to standard output."""
    os.nice(_NICENESS)
    # MediaPipe and its libraries write where they like: only we have the real standard output.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        output.write(work(sys.stdin.buffer.read(), int(sys.argv[1])))


if __name__ == "__main__":
    main()
