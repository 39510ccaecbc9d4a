"""LSE-D and LSE-C: how far SyncNet finds lips and sound apart, and how sure it is when they agree.

Chung and Zisserman (2016), "Out of time: automated lip sync in the wild": one network sees five
frames of a face, another hears the 200 ms of sound with them; both give 1024 numbers that lie near
each other when sight and sound belong together. Prajwal et al. (2020) named the measures: the mean
distance is taken at every shift within ±15 frames; LSE-D is the least of them, LSE-C the median
minus the least. The layers and their names are those of the public `syncnet_v2.model`, which the
user brings; this module only runs it.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import pad

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.mfcc import RATE, mfcc

SIZE = 224
FRAMES = 5
MFCC_A_FRAME = 4
MOST_SHIFT = 15
"""Frames of 40 ms to each side."""
_CROP = 0.4
"""What the crop shows beyond the face, as a share of half the face's size."""
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Lse:
    """Lip sync error of one video, or the mean of several."""

    distance: float
    """LSE-D; less is better."""
    confidence: float
    """LSE-C; more is better."""


class SyncNet(nn.Module):
    """The two networks, with the names of the public weights."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_conv2d(1, 64, 3, padding=1),
            nn.MaxPool2d(1, 1),
            *_conv2d(64, 192, 3, padding=1),
            nn.MaxPool2d(3, (1, 2)),
            *_conv2d(192, 384, 3, padding=1),
            *_conv2d(384, 256, 3, padding=1),
            *_conv2d(256, 256, 3, padding=1),
            nn.MaxPool2d(3, 2),
            *_conv2d(256, 512, (5, 4)),
        )
        self.netfcaud = _embedding()
        self.netcnnlip = nn.Sequential(
            *_conv3d(3, 96, (5, 7, 7), stride=2),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(96, 256, (1, 5, 5), stride=2, padding=1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_conv3d(256, 256, (1, 3, 3), padding=1),
            *_conv3d(256, 256, (1, 3, 3), padding=1),
            *_conv3d(256, 256, (1, 3, 3), padding=1),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(256, 512, (1, 6, 6)),
        )
        self.netfclip = _embedding()

    @classmethod
    def load(cls, path: Path) -> SyncNet:
        """The public weights.

        Raises:
            InvalidInput: the file is missing, or holds something else.
        """
        network = cls()
        try:
            network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except (OSError, RuntimeError, TypeError, AttributeError, pickle.UnpicklingError) as error:
            raise InvalidInput(f"{path} does not hold SyncNet's weights: {error}") from error
        return network.eval()

    def hear(self, coefficients: Tensor) -> Tensor:
        """(n, 1, 13, 20) MFCCs of 200 ms → (n, 1024)."""
        heard: Tensor = self.netfcaud(self.netcnnaud(coefficients).flatten(1))
        return heard

    def see(self, faces: Tensor) -> Tensor:
        """(n, 3, 5, 224, 224) BGR 0…255 of five frames → (n, 1024)."""
        seen: Tensor = self.netfclip(self.netcnnlip(faces).flatten(1))
        return seen

    @torch.inference_mode()
    def measure(self, faces: NDArray[np.uint8], sound: NDArray[np.float32]) -> Lse | None:
        """Lip sync error of one video; None when it is shorter than six frames.

        Args:
            faces: (T, 224, 224, 3) RGB crops, 25 a second, as `crop_face` makes them.
            sound: (N,) mono at 24 kHz.
        """
        wave = soxr.resample(sound, SAMPLE_RATE, RATE) * 32767
        heard = torch.from_numpy(mfcc(np.round(wave).astype(np.float32)).T.copy())
        count = min(len(faces), len(wave) * 25 // RATE) - FRAMES
        if count < 1:
            return None
        # The networks saw BGR pictures.
        pictures = torch.from_numpy(faces[..., ::-1].copy()).permute(3, 0, 1, 2)
        seen, listened = [], []
        for first in range(0, count, _BATCH):
            places = range(first, min(first + _BATCH, count))
            seen.append(
                self.see(torch.stack([pictures[:, n : n + FRAMES] for n in places]).float())
            )
            spans = [MFCC_A_FRAME * n for n in places]
            width = MFCC_A_FRAME * FRAMES
            listened.append(self.hear(torch.stack([heard[None, :, n : n + width] for n in spans])))
        return sync_error(torch.cat(seen), torch.cat(listened))


def sync_error(seen: Tensor, heard: Tensor) -> Lse:
    """LSE of embeddings of the same moments, (n, 1024) each; beyond the ends is zero."""
    beyond = pad(heard, (0, 0, MOST_SHIFT, MOST_SHIFT))
    shifts = range(2 * MOST_SHIFT + 1)
    distances = torch.stack(
        [
            torch.pairwise_distance(seen, beyond[shift : shift + len(seen)]).mean()
            for shift in shifts
        ]
    )
    least = float(distances.min())
    return Lse(least, float(distances.median()) - least)


def crop_face(pictures: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The part of a video that SyncNet looks at.

    The box of the landmarks stands for the face detector's; around it, the crop has the public
    evaluation's proportions. The box is the same for the whole video: its median.

    Args:
        pictures: (T, H, W, 3).
        points: (T, L, 2) landmarks in pixels.

    Returns:
        (T, 224, 224, 3).
    """
    low, high = (np.median(edge, axis=0) for edge in (points.min(1), points.max(1)))
    half = float((high - low).max()) / 2
    x, y = (low + high) / 2
    reach = half * (1 + _CROP)
    box = (x - reach, y - half, x + reach, y + half * (1 + 2 * _CROP))
    grey = (110, 110, 110)
    crops = []
    for picture in pictures:
        whole = Image.fromarray(picture)
        cut = whole.transform(
            (SIZE, SIZE), Image.Transform.EXTENT, box, Image.Resampling.BILINEAR, fillcolor=grey
        )
        crops.append(np.asarray(cut))
    return np.stack(crops)


def mean_error(errors: list[Lse]) -> Lse | None:
    """Averages; None without any."""
    if not errors:
        return None
    return Lse(
        float(np.mean([error.distance for error in errors])),
        float(np.mean([error.confidence for error in errors])),
    )


def _conv2d(
    before: int, after: int, kernel: int | tuple[int, int], padding: int = 0
) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, kernel, padding=padding), nn.BatchNorm2d(after), nn.ReLU()


def _conv3d(
    before: int, after: int, kernel: tuple[int, int, int], stride: int = 1, padding: int = 0
) -> tuple[nn.Module, ...]:
    """Strides and pads in space, never in time."""
    convolution = nn.Conv3d(
        before, after, kernel, stride=(1, stride, stride), padding=(0, padding, padding)
    )
    return convolution, nn.BatchNorm3d(after), nn.ReLU()


def _embedding() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))
