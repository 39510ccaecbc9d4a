"""Networks that some measures need and no package carries: the user brings them in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jamflow_rt.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Weights:
    """A public file of weights."""

    file: str
    size: str
    source: str
    licence: str

    def needs(self) -> str:
        """What to do to have the measure."""
        return (
            f"needs {self.file} ({self.size}; {self.licence}): get it from {self.source} into a "
            "folder and name that with --weights"
        )

    def find(self, folder: Path | None) -> Path | None:
        """The file, if the user has it.

        Raises:
            InvalidInput: there is no such folder.
        """
        if folder is None:
            return None
        if not folder.is_dir():
            raise InvalidInput(f"There is no folder {folder} with weights.")
        path = folder / self.file
        return path if path.is_file() else None


SYNCNET = Weights(
    "syncnet_v2.model",
    "about 52 MB",
    "http://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",
    "of syncnet_python, whose code is MIT",
)
INCEPTION = Weights(
    "inception-2015-12-05.pt",
    "about 95 MB",
    "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/"
    "inception-2015-12-05.pt",
    "Google's Inception v3, Apache-2.0, as TorchScript by NVIDIA",
)
I3D = Weights(
    "i3d_torchscript.pt",
    "about 50 MB",
    "https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt",
    "DeepMind's I3D for Kinetics-400, Apache-2.0, as TorchScript by StyleGAN-V's authors",
)
NEEDS_REFERENCE = "needs --reference, a folder of real videos or pictures to compare with"
