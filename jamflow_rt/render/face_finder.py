"""Where the face is in a photograph: MediaPipe's FaceLandmarker on one picture.

MediaPipe is optional: `pip install "jamflow-rt[portrait]"`. Its model is a file of Google's
(Apache-2.0, 3.8 MB) that is looked for in the environment variable JAMFLOW_FACE_LANDMARKER and in
the user's cache, and otherwise fetched into the cache; it must have the known SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import urllib.request
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from jamflow_rt.errors import Failed, InvalidInput, NotSupported

VARIABLE: Final = "JAMFLOW_FACE_LANDMARKER"
SHA256: Final = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
URL: Final = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/"
    "float16/1/face_landmarker.task"
)
MOST_PIXELS: Final = 20_000_000
PHOTO_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp")
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
# A face is found in a picture of this size as surely as in a larger one, and faster.
_SEARCHED: Final = 1280


def read_photo(path: Path) -> NDArray[np.uint8]:
    """A photograph as (H, W, 3) RGB, turned as its EXIF says.

    Raises:
        InvalidInput: there is no such file, it is no JPEG, PNG or WebP, or has over 20 megapixels.
    """
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise InvalidInput(
                    f"{path.name} has {opened.width * opened.height / 1e6:.0f} megapixels and at "
                    f"most {MOST_PIXELS / 1e6:.0f} are read: make it smaller."
                )
            turned = ImageOps.exif_transpose(opened)
            flat = Image.new("RGB", turned.size, "white")
            flat.paste(turned, mask=turned.getchannel("A") if "A" in turned.getbands() else None)
            return np.array(flat)
    except InvalidInput:
        raise
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no picture {path}.") from error
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInput(
            f"{path.name} is no JPEG, PNG or WebP that can be read: {error}"
        ) from error


def landmarker_place(cache: Path | None = None) -> Path:
    """Where the model file is looked for first; it need not be there."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    if cache is None:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        cache = Path(home) / "jamflow_rt"
    return cache / "face_landmarker.task"


def known_landmarker(path: Path) -> bool:
    """True for Google's file, by its SHA-256."""
    return path.is_file() and _digest(path) == SHA256


def landmarker_file(cache: Path | None = None) -> Path:
    """The model file, checked; fetched if it is nowhere.

    Args:
        cache: folder to look in and fetch into; `jamflow_rt` in the user's cache if not given.

    Raises:
        InvalidInput: the file named by JAMFLOW_FACE_LANDMARKER is missing or another one.
        Failed: it cannot be fetched.
    """
    path = landmarker_place(cache)
    if known_landmarker(path):
        return path
    if os.environ.get(VARIABLE):
        raise InvalidInput(
            f"{VARIABLE} names {path}, which is not Google's face_landmarker.task (float16, "
            f"version 1): get it from {URL}."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    try:
        with urllib.request.urlopen(URL, timeout=30) as response:
            draft.write_bytes(response.read())
    except OSError as error:
        raise Failed(
            f"The face landmarker cannot be fetched ({error}). Get {URL} by other means and name "
            f"the file in {VARIABLE}."
        ) from error
    if _digest(draft) != SHA256:
        draft.unlink()
        raise Failed(f"What came from {URL} is not the known file (its SHA-256 differs).")
    draft.replace(path)
    return path


def find_face(picture: NDArray[np.uint8], model: Path | None = None) -> NDArray[np.float32]:
    """The landmarks (478, 3) of the only face in a picture (H, W, 3), in its pixels.

    Args:
        picture: RGB.
        model: Google's face_landmarker.task; `landmarker_file()` if not given.

    Raises:
        NotSupported: MediaPipe is not installed.
        InvalidInput: there is no face, or more than one, or no file `model`.
        Failed: the model file cannot be fetched.
    """
    mediapipe = _mediapipe()
    if model is not None and not model.is_file():
        raise InvalidInput(f"There is no face landmarker {model}: get it from {URL}.")
    height, width = picture.shape[:2]
    ratio = min(1.0, _SEARCHED / max(height, width))
    small = picture
    if ratio < 1:
        size = round(width * ratio), round(height * ratio)
        small = np.array(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
    vision = mediapipe.tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(model or landmarker_file())),
        num_faces=3,
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        image = mediapipe.Image(
            image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(small)
        )
        faces = landmarker.detect(image).face_landmarks
    if not faces:
        raise InvalidInput(
            "There is no face in the picture: take one that looks into the camera, in even light."
        )
    if len(faces) > 1:
        raise InvalidInput(
            f"There are {len(faces)} faces in the picture: cut out the one that is to speak."
        )
    scale = np.array([width, height, width])
    return np.array([[p.x, p.y, p.z] for p in faces[0]] * scale, np.float32)


def _mediapipe() -> Any:
    try:
        import mediapipe
    except ImportError as error:
        raise NotSupported(
            'Portraits from photographs need MediaPipe: pip install "jamflow-rt[portrait]".'
        ) from error
    return mediapipe


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
