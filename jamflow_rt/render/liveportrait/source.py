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
        InvalidInput: the file is missing, of another kind, too long, or does not show one face.
        NotSupported: MediaPipe is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in PHOTO_SUFFIXES:
        picture = read_photo(path)
        landmarks = find_face(picture, landmarker)
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
    cut = crop.cut(square[0])[None].to(_device(networks))
    motion = networks.motion(cut)
    track = onto(motion.expression[0].cpu().numpy(), idle or idle_template())
    features, unit = networks.appearance(cut), _centimetre(landmarks, crop, factor)
    return LivePortraitSource(name, tuple(square), crop, motion, features, unit, track)


def _video_source(
    networks: LivePortraitNetworks, path: Path, landmarker: Path | None
) -> LivePortraitSource:
    from jamflow_rt.track.pictures import pictures_at_our_rate
    from jamflow_rt.track.tracker import Tracker

    tracked = Tracker(landmarker or landmarker_file()).track(path, LONGEST)
    pictures = pictures_at_our_rate(path, len(tracked.landmarks), LONGEST)
    return video_source(networks, pictures, tracked.landmarks, path.stem)


def video_source(
    networks: LivePortraitNetworks, pictures: list[Picture], landmarks: Floats, name: str
) -> LivePortraitSource:
    """Pictures of a video, 25 a second, with the landmarks (T, 478, 2 or 3) of its face."""
    squares, crop, factor = _squared(pictures, landmarks)
    device = _device(networks)
    seen: list[KeypointMotion] = []
    for first in range(0, len(squares), _BATCH):
        cuts = torch.stack([crop.cut(square) for square in squares[first : first + _BATCH]])
        seen.append(networks.motion(cuts.to(device)))
    motion = KeypointMotion(*(torch.cat(parts) for parts in zip(*seen, strict=True)))
    count = len(squares)
    track = KeypointTrack(
        expression=motion.expression.cpu().numpy().astype(np.float32),
        rotation=np.zeros((count, 3), np.float32),
        translation=np.zeros((count, 2), np.float32),
        scale=np.ones(count, np.float32),
        video=True,
    )
    return LivePortraitSource(
        name, tuple(squares), crop, motion, None, _centimetre(landmarks, crop, factor), track
    )


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
            square = np.asarray(image)
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
