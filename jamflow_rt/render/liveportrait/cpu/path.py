"""From features and keypoints to the picture on a CPU."""

from __future__ import annotations

from threading import Lock

import torch
from torch import Tensor

from jamflow_rt.render.liveportrait.cpu.generator import CpuGenerator
from jamflow_rt.render.liveportrait.cpu.warping import CpuWarping
from jamflow_rt.render.liveportrait.cpu.workspace import Workspace
from jamflow_rt.render.liveportrait.generator import SpadeGenerator
from jamflow_rt.render.liveportrait.warping import WarpingNetwork


class CpuPath:
    """Warping network and generator, one picture after the other; several threads may ask.

    Transformed weights and buffers take about 2 GB beside the 0.5 GB of the published weights.

    Args:
        warping: whose weights are used, as they are now.
        generator: the same.
        depth: layers of the volume.
    """

    def __init__(self, warping: WarpingNetwork, generator: SpadeGenerator, depth: int) -> None:
        workspace = Workspace()
        self._warping = CpuWarping(warping, depth, workspace)
        self._generator = CpuGenerator(generator, workspace)
        # The workspace serves one picture at a time, which keeps all cores busy anyhow.
        self._lock = Lock()

    def __call__(self, f_s: Tensor, x_s: Tensor, x_d: Tensor) -> Tensor:
        """Pictures (B, 3, 512, 512), RGB 0…1.

        Args:
            f_s: (B, 32, 16, 64, 64) the sources' features.
            x_s: (B, 21, 3) the sources' keypoints.
            x_d: (B, 21, 3) where they are to be.
        """
        with self._lock:
            pictures = [
                self._generator(self._warping(*(part[None] for part in one)))
                for one in zip(f_s, x_s, x_d, strict=True)
            ]
        return torch.cat(pictures)
