from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.frechet import Features, frechet_distance, read_reference
from jamflow_rt.record import record
from tests.test_evaluate_pictures import grey_frames

# Users' networks are TorchScript; only making one is deprecated.
SCRIPTING = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


class Inception(torch.nn.Module):
    def forward(self, pictures: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        assert return_features
        return pictures.float().mean((2, 3))


class I3d(torch.nn.Module):
    def forward(
        self,
        clips: torch.Tensor,
        rescale: bool = True,
        resize: bool = True,
        return_features: bool = False,
    ) -> torch.Tensor:
        assert return_features and not rescale and not resize
        return torch.cat([clips.mean((2, 3, 4)), torch.tensor([[float(clips.shape[2])]])], 1)


def test_the_distance_of_gaussians_is_known() -> None:
    random = np.random.default_rng(0)
    first = random.normal(0, 1, (20000, 3))
    second = random.normal(0, 1, (20000, 3)) * [2, 1, 1] + [0, 3, 0]
    # |difference of means|² + (2 − 1)².
    assert frechet_distance(first, second) == pytest.approx(10, rel=0.02)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-3)
    assert frechet_distance(first[:1], second) is None


@SCRIPTING
def test_pictures_become_features(tmp_path: Path) -> None:
    torch.jit.script(Inception()).save(str(tmp_path / "inception.pt"))
    pictures = np.zeros((10, 32, 32, 3), np.uint8)
    pictures[3] = (10, 20, 30)
    found = Features(tmp_path / "inception.pt", "pictures")(pictures)
    assert found.shape == (10, 3)
    assert found[3].tolist() == [10, 20, 30]


@SCRIPTING
def test_clips_of_sixteen_become_features(tmp_path: Path) -> None:
    torch.jit.script(I3d()).save(str(tmp_path / "i3d.pt"))
    network = Features(tmp_path / "i3d.pt", "clips")
    assert network(np.full((40, 32, 48, 3), 255, np.uint8)) == pytest.approx(
        np.array([[1, 1, 1, 16]] * 2)
    )
    assert not len(network(np.zeros((15, 32, 32, 3), np.uint8)))


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("no network")
    with pytest.raises(InvalidInput, match="TorchScript"):
        Features(tmp_path / "text.pt", "pictures")


def test_a_reference_is_videos_and_pictures_cut_square(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no videos and no pictures"):
        list(read_reference(tmp_path / "gone", 32))
    record(grey_frames(5), tmp_path / "a.mp4")
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, 20:60] = 200
    Image.fromarray(wide).save(tmp_path / "b.png")
    (tmp_path / "notes.txt").write_text("neither")
    video, picture = read_reference(tmp_path, 32)
    assert video.shape == (5, 32, 32, 3)
    assert picture.shape == (1, 32, 32, 3)
    assert (picture > 190).all(), "only the middle"
