from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jamflow_rt.errors import InvalidInput
from jamflow_rt.evaluate.syncnet import Lse, SyncNet, crop_face, mean_error, sync_error

# Some shapes of the public syncnet_v2.model.
PUBLIC = {
    "netcnnaud.0.weight": (64, 1, 3, 3),
    "netcnnaud.1.running_mean": (64,),
    "netcnnaud.4.weight": (192, 64, 3, 3),
    "netcnnaud.14.weight": (256, 256, 3, 3),
    "netcnnaud.18.weight": (512, 256, 5, 4),
    "netfcaud.0.weight": (512, 512),
    "netfcaud.3.weight": (1024, 512),
    "netcnnlip.0.weight": (96, 3, 5, 7, 7),
    "netcnnlip.4.weight": (256, 96, 1, 5, 5),
    "netcnnlip.14.weight": (256, 256, 1, 3, 3),
    "netcnnlip.18.weight": (512, 256, 1, 6, 6),
    "netcnnlip.19.running_var": (512,),
    "netfclip.1.weight": (512,),
    "netfclip.3.bias": (1024,),
}


@pytest.fixture(scope="module")
def network() -> SyncNet:
    torch.manual_seed(0)
    return SyncNet().eval()


def test_the_weights_have_the_public_names_and_shapes(network: SyncNet, tmp_path: Path) -> None:
    state = network.state_dict()
    assert {name: tuple(state[name].shape) for name in PUBLIC} == PUBLIC
    path = tmp_path / "syncnet_v2.model"
    torch.save(state, path)
    again = SyncNet.load(path)
    assert not again.training
    torch.testing.assert_close(again.state_dict(), state)


def test_other_files_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.model")
    (tmp_path / "text.model").write_text("no weights")
    for name in ("other.model", "text.model", "gone.model"):
        with pytest.raises(InvalidInput, match="SyncNet"):
            SyncNet.load(tmp_path / name)


def test_a_video_of_seven_frames_is_measured(network: SyncNet) -> None:
    random = np.random.default_rng(0)
    faces = random.integers(0, 256, (7, 224, 224, 3), dtype=np.uint8)
    sound = random.normal(0, 0.1, 7 * 960).astype(np.float32)
    found = network.measure(faces, sound)
    assert found is not None and found.distance > 0 and found.confidence >= 0
    assert network.measure(faces[:5], sound) is None


def test_the_distance_is_least_where_sight_and_sound_meet() -> None:
    torch.manual_seed(0)
    seen = torch.randn(60, 1024)
    found = sync_error(seen, seen.roll(4, 0) + 0.01 * torch.randn(60, 1024))
    # Four of sixty have nothing to meet; the others agree but for the noise.
    assert found.distance < 6
    apart = sync_error(seen, torch.randn(60, 1024))
    assert apart.distance > 30 and apart.confidence < 3 < found.confidence


def test_the_crop_shows_the_face_in_the_usual_proportions() -> None:
    pictures = np.zeros((2, 100, 100, 3), np.uint8)
    pictures[:, 40:60, 45:55] = 255
    points = np.array([[[45, 40], [55, 60]]] * 2, np.float32)
    crops = crop_face(pictures, points)
    assert crops.shape == (2, 224, 224, 3)
    rows, columns = np.flatnonzero(crops[0, :, 112, 0] > 128), np.flatnonzero(crops[0, 60, :, 0])
    # 28 pixels wide and high; the face's 20 begin at the top, its 10 columns are in the middle.
    assert rows[0] == 0 and rows[-1] == pytest.approx(20 / 28 * 224, abs=2)
    assert columns.mean() == pytest.approx(111.5, abs=1)
    outside = crop_face(pictures, points - 45)
    assert (outside[0, 0, 0] == 110).all()


def test_errors_are_averaged() -> None:
    assert mean_error([Lse(6.0, 2.0), Lse(8.0, 4.0)]) == Lse(7.0, 3.0)
    assert mean_error([]) is None
