"""All networks of LivePortrait together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from jamflow_rt.errors import InvalidInput
from jamflow_rt.render.liveportrait.appearance import AppearanceExtractor
from jamflow_rt.render.liveportrait.architecture import TINY, Architecture
from jamflow_rt.render.liveportrait.cpu.path import CpuPath
from jamflow_rt.render.liveportrait.generator import SpadeGenerator
from jamflow_rt.render.liveportrait.keypoints import KeypointMotion
from jamflow_rt.render.liveportrait.motion_extractor import MotionExtractor
from jamflow_rt.render.liveportrait.stitching import Stitching
from jamflow_rt.render.liveportrait.warping import WarpingNetwork
from jamflow_rt.weights.liveportrait import read_official
from jamflow_rt.weights.reading import load_strictly, read_tensors

PUBLISHED: Final = Architecture()


class LivePortraitNetworks(nn.Module):
    """The networks of one set of weights; several threads may use them. Without gradients.

    Args:
        architecture: sizes; those of the published weights if not given.
    """

    def __init__(self, architecture: Architecture = PUBLISHED) -> None:
        super().__init__()
        self.architecture = architecture
        self.appearance_extractor = AppearanceExtractor(architecture)
        self.motion_extractor = MotionExtractor(architecture)
        self.warping = WarpingNetwork(architecture)
        self.generator = SpadeGenerator(architecture)
        self.stitching = Stitching()
        # Copies of the weights, made with the first picture: gone as soon as those may change.
        self._cpu_path: CpuPath | None = None

    @classmethod
    def load(
        cls,
        path: str | Path,
        device: torch.device | str = "cpu",
        *,
        architecture: Architecture = PUBLISHED,
    ) -> Self:
        """Read weights.

        Args:
            path: the published folder, with `base_models/` and `retargeting_models/`; or a file
                that `save` wrote.
            device: where to compute.
            architecture: sizes of the networks in a folder; a file tells its own.

        Raises:
            InvalidInput: files are missing or damaged, or do not fit; the message names them.
        """
        path = Path(path)
        if path.suffix == ".safetensors":
            networks = cls(_told_architecture(path))
            load_strictly(networks, read_tensors(path), path)
        else:
            networks = cls(architecture)
            for name, network in read_official(path).items():
                load_strictly(networks.get_submodule(name), network.tensors, network.source)
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

    def save(self, path: str | Path) -> None:
        """Write all weights into one safetensors file, with the sizes in its metadata."""
        path = Path(path)
        tensors = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        draft = path.with_suffix(".tmp")
        save_file(tensors, draft, metadata={"architecture": self.architecture.model_dump_json()})
        draft.replace(path)

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
        """Pictures (B, 3, 512, 512), RGB 0…1.

        On a CPU in fp32, by `cpu`; elsewhere by the networks as they are, in fp16 as upstream.

        Args:
            f_s: (B, 32, 16, 64, 64) the sources' features; one source serves a whole batch.
            x_s: (B, 21, 3) the sources' keypoints; the same.
            x_d: (B, 21, 3) where they are to be.
        """
        f_s, x_s = f_s.expand(len(x_d), -1, -1, -1, -1), x_s.expand(len(x_d), -1, -1)
        if f_s.device.type == "cpu":
            if self._cpu_path is None:
                self._cpu_path = CpuPath(self.warping, self.generator, self.architecture.depth)
            return self._cpu_path(f_s, x_s, x_d)
        with torch.autocast(f_s.device.type, torch.float16):
            picture: Tensor = self.generator(self.warping(f_s, x_s, x_d).features)
        return picture.float()

    def _apply(self, fn: Callable[..., Tensor], recurse: bool = True) -> Self:
        self._cpu_path = None
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call,no-any-return]


def _told_architecture(path: Path) -> Architecture:
    """The sizes that a saved file tells."""
    try:
        with safe_open(str(path), framework="pt") as file:
            return Architecture.model_validate_json((file.metadata() or {})["architecture"])
    except (OSError, SafetensorError, KeyError, ValidationError) as error:
        raise InvalidInput(
            f"{path} holds no networks of LivePortrait: name a file that was saved from them, or "
            "the published folder with base_models and retargeting_models."
        ) from error
