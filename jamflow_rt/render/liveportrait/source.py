"""Who LivePortrait animates: a photograph, a drawn portrait, or every frame of a video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.keypoints import KeypointTrack
from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.face_finder import PHOTO_SUFFIXES, find_face, landmarker_file, read_photo
from jamflow_rt.render.liveportrait.crop import Crop
from jamflow_rt.render.liveportrait.idle import idle_template, onto
from jamflow_rt.render.liveportrait.keypoints import KeypointMotion
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
from jamflow_rt.render.mesh import MeshRenderer
from jamflow_rt.render.photo import SMALLEST_FACE
from jamflow_rt.render.portrait import Portrait

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]

VIDEO_SUFFIXES: Final = (".mp4", ".mov", ".mkv", ".webm", ".avi")
SOURCE_SUFFIXES: Final = (*PHOTO_SUFFIXES, *VIDEO_SUFFIXES)
"""Files that can be sources."""
LONGEST: Final = 30.0
"""Seconds of a video: each of its frames is kept, 2 MB at the largest size."""
LARGEST: Final = 768
"""Pixels of a kept frame."""
_DRAWN: Final = 768
_EYES_APART: Final = 8.92
"""Centimetres between the outer corners of the eyes in the canonical frame."""
_BATCH: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class LivePortraitSource:
    """One face and all that is computed of it once. Immutable; for any number of renderers."""

    name: str
    pictures: tuple[Picture, ...]
    """(S, S, 3) squares: one of a photograph, every frame of a video at 25 a second."""
    crop: Crop
    """Where the networks look, in the pictures' pixels."""
    motion: KeypointMotion
    """What they see in each picture."""
    features: Tensor | None
    """f_s of a photograph; of a video it is computed frame by frame, 8 MB each."""
    centimetre: float
    """A canonical unit as a share of half the crop."""
    track: KeypointTrack
    """What of the face's motion is given."""
    seen: NDArray[np.bool_]
    """(N,) False for pictures in which no face was found: nothing is drawn into them."""

    @property
    def video(self) -> bool:
        """True when each frame is a source of its own."""
        return self.track.video


def open_source(
    networks: LivePortraitNetworks,
    path: str | Path,
    *,
    idle: KeypointTrack | None = None,
    landmarker: Path | None = None,
) -> LivePortraitSource:
    """A photograph or a video whose mouth will be generated.

    The rest of a photograph idles; that of a video does what it does there.

    Args:
        networks: LivePortrait's.
        path: JPEG, PNG or WebP; or a video of up to 30 s.
        idle: what a photograph does beside speaking; blinks and a slowly moving head if not given.
        landmarker: Google's face_landmarker.task; found or fetched if not given.

    Raises:
        InvalidInput: the file is missing, of another kind, too long, or does not show one face
            that is large enough, in a video for most of the time.
        NotSupported: MediaPipe is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in PHOTO_SUFFIXES:
        picture = read_photo(path)
        landmarks = find_face(picture, landmarker)
        _check_size(landmarks)
        return photo_source(networks, picture, landmarks, path.stem, idle)
    if suffix in VIDEO_SUFFIXES:
        return _video_source(networks, path, landmarker)
    raise InvalidInput(
        f"{path.name} is no photograph and no video: give one of {', '.join(SOURCE_SUFFIXES)}."
    )


def portrait_source(
    networks: LivePortraitNetworks, portrait: Portrait, idle: KeypointTrack | None = None
) -> LivePortraitSource:
    """A portrait of the package, or one made of a photograph, as the picture it is at rest."""
    neutral = portrait.landmarks
    renderer = MeshRenderer(portrait, neutral, _DRAWN)
    face = _at_rest(neutral)
    landmarks = renderer.landmarks(face)
    return photo_source(networks, renderer.render(face), landmarks, portrait.name, idle)


def photo_source(
    networks: LivePortraitNetworks,
    picture: Picture,
    landmarks: Floats,
    name: str,
    idle: KeypointTrack | None = None,
) -> LivePortraitSource:
    """A picture (H, W, 3) RGB with its landmarks (478, 2 or 3) in pixels."""
    square, crop, factor = _squared([picture], landmarks)
    # Of the picture as it came: the square may have become smaller.
    cut = Crop.around(landmarks).cut(picture)[None].to(_device(networks))
    motion = networks.motion(cut)
    track = onto(motion.expression[0].cpu().numpy(), idle or idle_template())
    features, unit = networks.appearance(cut), _centimetre(landmarks, crop, factor)
    seen = np.ones(1, np.bool_)
    return LivePortraitSource(name, tuple(square), crop, motion, features, unit, track, seen)


def _video_source(
    networks: LivePortraitNetworks, path: Path, landmarker: Path | None
) -> LivePortraitSource:
    from jamflow_rt.track.pictures import pictures_at_our_rate
    from jamflow_rt.track.tracker import Tracker

    tracked = Tracker(landmarker or landmarker_file()).track(path, LONGEST)
    if 2 * tracked.seen.sum() < len(tracked.seen):
        raise InvalidInput(
            f"A face is seen in {tracked.seen.mean():.0%} of {path.name}: cut out a part that "
            "shows one."
        )
    _check_size(tracked.landmarks)
    pictures = pictures_at_our_rate(path, len(tracked.landmarks), LONGEST)
    return video_source(networks, pictures, tracked.landmarks, path.stem, tracked.seen)


def video_source(
    networks: LivePortraitNetworks,
    pictures: list[Picture],
    landmarks: Floats,
    name: str,
    seen: NDArray[np.bool_] | None = None,
) -> LivePortraitSource:
    """Pictures of a video, 25 a second, whose mouth will be generated.

    Args:
        networks: LivePortrait's.
        pictures: T of (H, W, 3) RGB.
        landmarks: (T, 478, 2 or 3) of its face, in pixels.
        name: of the source.
        seen: (T,) False where no face was found; its expression goes on between its neighbours'.
    """
    seen = np.ones(len(pictures), np.bool_) if seen is None else seen
    squares, crop, factor = _squared(pictures, landmarks)
    device = _device(networks)
    parts: list[KeypointMotion] = []
    for first in range(0, len(squares), _BATCH):
        cuts = torch.stack([crop.cut(square) for square in squares[first : first + _BATCH]])
        parts.append(networks.motion(cuts.to(device)))
    motion = KeypointMotion(*(torch.cat(each) for each in zip(*parts, strict=True)))
    count = len(squares)
    track = KeypointTrack(
        expression=_between(motion.expression.cpu().numpy(), seen),
        rotation=np.zeros((count, 3), np.float32),
        translation=np.zeros((count, 2), np.float32),
        scale=np.ones(count, np.float32),
        video=True,
    )
    unit = _centimetre(landmarks, crop, factor)
    return LivePortraitSource(name, tuple(squares), crop, motion, None, unit, track, seen)


def _check_size(landmarks: Floats) -> None:
    """Refuse a face, or a face that moves, that is too small for the networks."""
    points = landmarks[..., :2].reshape(-1, landmarks.shape[-2], 2)
    extent = float(np.ptp(points, axis=1).max(axis=-1).mean())
    if extent < SMALLEST_FACE:
        raise InvalidInput(
            f"The face is {extent:.0f} pixels large and {SMALLEST_FACE} are needed: take a picture "
            "with more pixels, or one from nearer by."
        )


def _between(expression: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Expressions (T, 21, 3); those of pictures without a face straight between the others."""
    places = np.flatnonzero(seen)
    columns = expression.reshape(len(expression), -1)[places].T
    filled = [np.interp(np.arange(len(seen)), places, column) for column in columns]
    return np.stack(filled, axis=1).reshape(expression.shape).astype(np.float32)


def _squared(pictures: list[Picture], landmarks: Floats) -> tuple[list[Picture], Crop, float]:
    """Pictures as squares around the face, of at most `LARGEST` pixels, and where to look there."""
    from PIL import Image

    crop = Crop.around(landmarks)
    height, width = pictures[0].shape[:2]
    side = min(height, width)
    x, y = (
        int(np.clip(round(float(centre)) - side // 2, 0, extent - side))
        for centre, extent in zip(crop.centre, (width, height), strict=True)
    )
    size = min(side, LARGEST)
    factor = size / side
    squares = []
    for picture in pictures:
        square = np.ascontiguousarray(picture[y : y + side, x : x + side])
        if size != side:
            image = Image.fromarray(square).resize((size, size), Image.Resampling.BOX)
            square = np.array(image)
        squares.append(square)
    return squares, crop.scaled(factor, np.array([-x, -y], np.float32)), factor


def _centimetre(landmarks: Floats, crop: Crop, factor: float) -> float:
    points = landmarks[..., :2].reshape(-1, landmarks.shape[-2], 2)
    apart = float(np.linalg.norm(points[:, 33] - points[:, 263], axis=-1).mean()) * factor
    return apart / _EYES_APART / (crop.side / 2)


def _at_rest(mesh: Floats) -> FaceState:
    zero = np.zeros(3, np.float32)
    return FaceState(mesh, zero, zero[:2], 1.0)


def _device(networks: LivePortraitNetworks) -> torch.device:
    return next(networks.parameters()).device
