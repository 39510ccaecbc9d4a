"""Whoever is to be shown: by name, from a folder, or from a photograph."""

from __future__ import annotations

from pathlib import Path

from jamflow_rt.render.face_finder import PHOTO_SUFFIXES, find_face, read_photo
from jamflow_rt.render.photo import portrait_from_photo
from jamflow_rt.render.portrait import Portrait
from jamflow_rt.render.portraits import load_portrait


def open_portrait(source: str | Path, model: Path | None = None) -> Portrait:
    """A portrait.

    Args:
        source: a name that comes with the package (a str), a portrait's folder, or a photograph
            (JPEG, PNG or WebP), which takes a second or two.
        model: for photographs, Google's face_landmarker.task; found or fetched if not given.

    Raises:
        InvalidInput: there is none, it is damaged, or the photograph will not do.
        NotSupported: a photograph was given and MediaPipe is not installed.
        Failed: the landmarker cannot be fetched.
    """
    path = Path(source)
    if path.suffix.lower() in PHOTO_SUFFIXES and not path.is_dir():
        picture = read_photo(path)
        return portrait_from_photo(picture, find_face(picture, model), path.stem)
    if isinstance(source, str) and not path.is_dir():
        return load_portrait(source)
    return Portrait.load(path)
