"""All networks of LivePortrait together."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

import torch
from torch import Tensor, nn

from jamflow_rt.render.liveportrait.appearance import AppearanceExtractor
from jamflow_rt.render.liveportrait.architecture import TINY, Architecture
from jamflow_rt.render.liveportrait.generator import SpadeGenerator
from jamflow_rt.render.liveportrait.keypoints import KeypointMotion
from jamflow_rt.render.liveportrait.motion_extractor import MotionExtractor
from jamflow_rt.render.liveportrait.stitching import Stitching
from jamflow_rt.render.liveportrait.warping import WarpingNetwork
from jamflow_rt.weights.liveportrait import read_official
from jamflow_rt.weights.reading import load_strictly

PUBLISHED: Final = Architecture()


class LivePortraitNetworks(nn.Module):
    """The networks of one set of weights. They keep nothing between calls; no gradients.

    Args:
        architecture: sizes; the published ones if not given.
    """

    def __init__(self, architecture: Architecture = PUBLISHED) -> None:
        super().__init__()
        self.architecture = architecture
        self.appearance_extractor = AppearanceExtractor(architecture)
        self.motion_extractor = MotionExtractor(architecture)
        self.warping = WarpingNetwork(architecture)
        self.generator = SpadeGenerator(architecture)
        self.stitching = Stitching()

    @classmethod
    def load(cls, folder: str | Path, device: torch.device | str = "cpu") -> Self:
        """Read the published weights.

        Args:
            folder: as published: `base_models/` with four files, `retargeting_models/` with one.
            device: where to compute.

        Raises:
            InvalidInput: files are missing or damaged, or do not fit; the message names them.
        """
        networks = cls()
        for name, tensors in read_official(Path(folder)).items():
            load_strictly(networks.get_submodule(name), tensors.tensors, tensors.source)
        return networks.to(device).eval()

    @classmethod
    def random(cls, seed: int, *, tiny: bool = False) -> Self:
        """Networks that learned nothing, for tests and measurements.

        Args:
            seed: of the weights.
            tiny: few channels; pictures and keypoints are of full size.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            networks = cls(TINY if tiny else PUBLISHED)
        return networks.eval()

    @torch.inference_mode()
    def appearance(self, image: Tensor) -> Tensor:
        """The features f_s (B, 32, 16, 64, 64) of a face (B, 3, 256, 256), RGB 0…1."""
        return self.appearance_extractor(image)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def motion(self, image: Tensor) -> KeypointMotion:
        """Keypoints, pose and expression of a face (B, 3, 256, 256), RGB 0…1."""
        return self.motion_extractor(image)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def stitch(self, x_s: Tensor, x_d: Tensor) -> Tensor:
        """Keypoints x_d (B, 21, 3), corrected so that the picture's border stays where it is.

        Args:
            x_s: (B, 21, 3) the source's keypoints.
            x_d: (B, 21, 3) where they are to be.
        """
        return self.stitching(x_s, x_d)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def render(self, f_s: Tensor, x_s: Tensor, x_d: Tensor) -> Tensor:
        """The picture (B, 3, 512, 512), RGB 0…1.

        Args:
            f_s: (B, 32, 16, 64, 64) the source's features.
            x_s: (B, 21, 3) the source's keypoints.
            x_d: (B, 21, 3) where they are to be.
        """
        return self.generator(self.warping(f_s, x_s, x_d).features)  # type: ignore[no-any-return]
