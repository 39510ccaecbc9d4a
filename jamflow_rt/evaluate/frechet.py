"""FID and FVD: how far rendered pictures, or clips, lie from real ones in a network's features.

The Fréchet distance between the Gaussians of two sets of features: Dowson and Landau (1982); on
Inception's features FID (Heusel et al. 2017), on I3D's FVD (Unterthiner et al. 2018). The networks
are TorchScript files that the user brings. With fewer samples than features the distance is too
large, so figures of different counts must not be compared.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.face_finder import PHOTO_SUFFIXES, read_photo

CLIP = 16
"""Frames of a clip."""
_CLIP_SIZE = 224
_BATCH = 8
_VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg")

Kind = Literal["pictures", "clips"]


class Features:
    """A network of the user's: pictures, or clips of 16, to features.

    Args:
        path: TorchScript. For pictures, called with (n, 3, H, W) 0…255 and `return_features=True`
            (NVIDIA's inception-2015-12-05.pt); for clips, with (n, 3, 16, 224, 224) −1…1 and
            `rescale=False, resize=False, return_features=True` (i3d_torchscript.pt).
        kind: which of the two.

    Raises:
        InvalidInput: it cannot be loaded.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        self.kind = kind
        try:
            load: Any = torch.jit.load  # torch has no types for it
            with warnings.catch_warnings():
                # TorchScript is an old format, but it is the one these networks are published in.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._network = load(str(path), map_location="cpu").eval()
        except (OSError, RuntimeError, ValueError) as error:
            raise InvalidInput(f"{path} is no TorchScript network: {error}") from error

    @torch.inference_mode()
    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Features of a video (T, H, W, 3): a row a picture, or a row a whole clip."""
        if self.kind == "clips":
            return self._clips(pictures)
        rows = [np.zeros((0, 0))]
        for first in range(0, len(pictures), _BATCH):
            some = torch.from_numpy(pictures[first : first + _BATCH].copy()).permute(0, 3, 1, 2)
            rows.append(self._network(some, return_features=True).double().numpy())
        return np.concatenate(rows[1:] or rows)

    def _clips(self, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        rows = [np.zeros((0, 0))]
        for first in range(0, len(pictures) - CLIP + 1, CLIP):
            small = np.stack([_resized(p, _CLIP_SIZE) for p in pictures[first : first + CLIP]])
            clip = torch.from_numpy(small).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
            found = self._network(clip, rescale=False, resize=False, return_features=True)
            rows.append(found.double().numpy())
        return np.concatenate(rows[1:] or rows)


def frechet_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Between two sets of features (n, d), (m, d); None when one has fewer than two rows."""
    if min(len(first), len(second)) < 2:
        return None
    spread = [np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (first, second)]
    apart = float(np.square(first.mean(0) - second.mean(0)).sum())
    # tr √(AB) = tr √(√A·B·√A), whose argument is symmetric: singular spreads are no trouble.
    values, axes = np.linalg.eigh(spread[0])
    root = axes * np.sqrt(np.maximum(values, 0)) @ axes.T
    common = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ spread[1] @ root), 0)).sum()
    return max(0.0, apart + float(np.trace(spread[0] + spread[1]) - 2 * common))


def read_reference(folder: Path, size: int) -> Iterator[NDArray[np.uint8]]:
    """The videos of a folder, then each of its pictures alone, cut square from the middle.

    Args:
        folder: 25 frames/s videos of one face, or pictures.
        size: width and height of what comes.

    Yields:
        (T, size, size, 3) RGB.

    Raises:
        InvalidInput: the folder holds neither.
    """
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    videos = [path for path in files if path.suffix.lower() in _VIDEO_SUFFIXES]
    photos = [path for path in files if path.suffix.lower() in PHOTO_SUFFIXES]
    if not videos and not photos:
        raise InvalidInput(f"{folder} holds no videos and no pictures to compare with.")
    for path in videos:
        with av.open(str(path)) as container:
            frames = container.decode(video=0)
            pictures = (np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in frames)
            yield np.stack([_resized(picture, size) for picture in pictures])
    for path in photos:
        yield _resized(read_photo(path), size)[None]


def _resized(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    square = Image.fromarray(picture).crop((left, top, left + side, top + side))
    return np.asarray(square.resize((size, size), Image.Resampling.BICUBIC))
